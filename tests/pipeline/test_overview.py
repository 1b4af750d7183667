from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from irg.core.trace import Trace, Turn, Verdict
from irg.pipeline import overview
from irg.pipeline.overview import is_overview, save_all, write_overview


def saved(folder: Path, prompt: str, *flaws: str) -> None:
    Trace(prompt, (Turn(None, Image.new("RGB", (64, 48), "red"), Verdict.of(flaws)),), seed=0).save(folder)


def test_every_prompt_has_its_picture_or_why_there_is_none(tmp_path: Path) -> None:
    saved(tmp_path / "0000", "a <b>red</b> circle")
    saved(tmp_path / "0002", "a blue star", "it is red")
    prompts = ["a <b>red</b> circle", "a dog", "a blue star", "two hearts"]
    write_overview(tmp_path, "prompts.txt", prompts, {1: "outside of the world"})
    page = (tmp_path / "index.html").read_text()
    assert page.count("<article>") == 4 and page.count("data:image/webp") == 2
    assert "a &lt;b&gt;red&lt;/b&gt; circle" in page and "<b>red" not in page
    assert 'href="0000/index.html"' in page and 'href="0001' not in page
    for words in (
        "prompts.txt",
        "4 prompts",
        "1 of 2 match their prompt",
        "1 failed",
        "outside of the world",
    ):
        assert words in page
    assert "it is red" in page and "0003 holds no trace" in page


def test_a_page_of_many_shows_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "_MOST", 1)
    saved(tmp_path / "0000", "one")
    write_overview(tmp_path, "prompts.txt", ["one", "two", "three"], {})
    page = (tmp_path / "index.html").read_text()
    assert page.count("<article>") == 1 and "and 2 more, in folders of their own" in page


def test_its_own_pages_are_told_from_others(tmp_path: Path) -> None:
    write_overview(tmp_path, "prompts.txt", [], {})
    assert is_overview(tmp_path / "index.html")
    (tmp_path / "index.html").rename(tmp_path / "other.html")
    assert not is_overview(tmp_path / "other.html") and not is_overview(tmp_path / "index.html")
    (tmp_path / "index.html").write_text("<p>mine</p>")
    assert not is_overview(tmp_path / "index.html")


def test_traces_are_saved_as_they_come(tmp_path: Path) -> None:
    def traces() -> Iterator[Trace]:
        for prompt in ("a star", "a heart"):
            yield Trace(prompt, (Turn(None, Image.new("RGB", (64, 48), "red")),), seed=0)
        raise KeyboardInterrupt

    folder = tmp_path / "many"
    with pytest.raises(KeyboardInterrupt):
        save_all(traces(), str(folder))
    assert [Trace.load(folder / name).prompt for name in ("0000", "0001")] == ["a star", "a heart"]
    assert (folder / "0001" / "strip.png").exists() and "2 prompts" in (folder / "index.html").read_text()
    again = save_all((trace for trace, _ in zip(traces(), range(1), strict=False)), folder)
    assert again == folder / "index.html" and "1 prompt<" in again.read_text()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds 'notes\.txt', which is no numbered episode"):
        save_all(traces(), folder)
    with pytest.raises(ValueError, match=r"holds 'index\.html' and no episode that irg made"):
        (tmp_path / "other" / "0000").mkdir(parents=True)
        (tmp_path / "other" / "0000" / "index.html").write_text("mine")
        save_all(traces(), tmp_path / "other")
