import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from irg.core.trace import Trace, Turn, Verdict


def image(value: int) -> Image.Image:
    return Image.fromarray(np.full((4, 6, 3), value, dtype=np.uint8))


TRACE = Trace(
    "ein rotes Rechteck",
    (
        Turn("a plan", image(10), Verdict(False, ("too dark",)), True, {"thought": 0.5}),
        Turn(None, image(20)),
    ),
    seed=7,
    system_prompt="think",
    settings={"width": 6},
    model={"name": "tiny"},
    questions=(("How many?", "One."),),
    modes=("direct", "question"),
    provenance={"source": "drawn"},
    id="a1",
)


@pytest.mark.parametrize("source", [None, image(30)])
def test_a_trace_comes_back_from_its_folder(source: Image.Image | None, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "episode"
    replace(TRACE, source=source).save(folder)
    loaded = Trace.load(folder)
    named = ("prompt", "seed", "system_prompt", "settings", "model", "questions", "modes", "provenance", "id")
    for name in named:
        assert getattr(loaded, name) == getattr(TRACE, name)
    assert [turn.thought for turn in loaded.turns] == ["a plan", None]
    assert [turn.verdict for turn in loaded.turns] == [Verdict(False, ("too dark",)), None]
    assert [turn.capped for turn in loaded.turns] == [True, False]
    assert loaded.turns[0].seconds == {"thought": 0.5}
    for turn, original in zip(loaded.turns, TRACE.turns, strict=True):
        assert np.array_equal(np.asarray(turn.image), np.asarray(original.image))
    assert (loaded.source is None) == (source is None)


def test_a_folder_without_a_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no trace: trace\.json is missing"):
        Trace.load(tmp_path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    TRACE.save(tmp_path)
    content = json.loads((tmp_path / "trace.json").read_text()) | {"version": 99}
    (tmp_path / "trace.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="has version 99, expected"):
        Trace.load(tmp_path)


def test_a_trace_from_before_there_were_questions_has_none(tmp_path: Path) -> None:
    TRACE.save(tmp_path)
    content = json.loads((tmp_path / "trace.json").read_text())
    for name in ("questions", "modes", "provenance", "id"):
        del content[name]
    (tmp_path / "trace.json").write_text(json.dumps(content))
    loaded = Trace.load(tmp_path)
    assert (loaded.questions, loaded.modes, loaded.provenance, loaded.id) == ((), (), {}, "")


def test_the_json_of_a_trace_is_for_people_too(tmp_path: Path) -> None:
    replace(TRACE, prompt="größer").save(tmp_path)
    lines = (tmp_path / "trace.json").read_text(encoding="utf-8").splitlines()
    assert ' "prompt": "größer",' in lines


def test_a_verdict_is_right_where_there_are_no_flaws() -> None:
    assert Verdict.of(()) == Verdict(True)
    assert Verdict.of(("too dark",)) == Verdict(False, ("too dark",))


@pytest.mark.parametrize("verdict", [None, Verdict(True, (), {"share": 0.5}), Verdict(False, ("a", "b"))])
def test_a_verdict_comes_back_from_a_folder(verdict: Verdict | None, tmp_path: Path) -> None:
    replace(TRACE, turns=(Turn(None, image(10), verdict),)).save(tmp_path)
    assert Trace.load(tmp_path).turns[0].verdict == verdict


def test_a_verdict_from_before_there_were_scores_has_none(tmp_path: Path) -> None:
    TRACE.save(tmp_path)
    content = json.loads((tmp_path / "trace.json").read_text())
    content["turns"][0]["verdict"] = {"correct": True, "flaws": []}
    (tmp_path / "trace.json").write_text(json.dumps(content))
    assert Trace.load(tmp_path).turns[0].verdict == Verdict(True)


@pytest.mark.parametrize("content", ["[]", "null", "5", "{}", '{"version": 1, "turns": [3]}', "[" * 9999])
def test_what_is_no_trace_is_a_value_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text(content)
    with pytest.raises(ValueError, match=r"trace\.json"):
        Trace.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("prompt", 5, "prompt: 5: "),
        ("prompt", None, "prompt: None: "),
        ("seed", 1 << 63, f"seed: {1 << 63}: "),
        ("seed", "7", "seed: '7': "),
        ("seed", 7.5, "seed: 7.5: "),
        ("settings", [], "settings: "),
        ("questions", [["one"]], "questions.0: "),
        ("modes", "direct", "modes: 'direct': "),
        ("turns", [{"thought": 3, "image": "turn1.png", "verdict": None}], "turns.0.thought: 3: "),
        (
            "turns",
            [{"thought": "t", "image": "turn1.png", "verdict": {"correct": 1, "flaws": []}}],
            "turns.0.v",
        ),
        ("turns", [{"thought": "t", "image": "turn1.png"}], "turns.0.verdict: Field required"),
    ],
)
def test_values_of_other_types_are_told(name: str, value: Any, said: str, tmp_path: Path) -> None:
    TRACE.save(tmp_path)
    content = json.loads((tmp_path / "trace.json").read_text())
    (tmp_path / "trace.json").write_text(json.dumps(content | {name: value}))
    with pytest.raises(ValueError, match=rf"trace\.json is no trace: {re.escape(said)}"):
        Trace.load(tmp_path)


@pytest.mark.parametrize("name", ["../private.png", "/etc/private.png"])
def test_a_trace_names_no_picture_outside_its_folder(name: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "private.png")
    folder = tmp_path / "trace"
    Trace("p", (Turn(None, Image.new("RGB", (4, 4))),), 0).save(folder)
    content = json.loads((folder / "trace.json").read_text())
    for changed in ({"source": name}, {"turns": [content["turns"][0] | {"image": name}]}):
        (folder / "trace.json").write_text(json.dumps(content | changed))
        with pytest.raises(ValueError, match="lies outside"):
            Trace.load(folder)


def test_a_trace_links_to_no_picture_outside_its_folder(tmp_path: Path) -> None:
    TRACE.save(tmp_path / "trace")
    picture = tmp_path / "trace" / "turn2.png"
    picture.rename(tmp_path / "private.png")
    picture.symlink_to("../private.png")
    with pytest.raises(ValueError, match=r"turn2\.png is a link that leads out of its folder"):
        Trace.load(tmp_path / "trace")
    picture.unlink()
    picture.symlink_to("turn2.png")
    with pytest.raises(OSError, match=r"turn2\.png"):
        Trace.load(tmp_path / "trace")
    (tmp_path / "cached").mkdir()  # as the hub's cache has it
    for name in ("trace.json", "turn1.png"):
        (tmp_path / "trace" / name).rename(tmp_path / name)
    for name, real in (
        ("trace.json", "trace.json"),
        ("turn1.png", "turn1.png"),
        ("turn2.png", "private.png"),
    ):
        (tmp_path / "cached" / name).symlink_to(tmp_path / real)
    assert len(Trace.load(tmp_path / "cached").turns) == 2
    (tmp_path / "link").symlink_to(tmp_path / "cached")
    assert len(Trace.load(tmp_path / "link").turns) == 2
