import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.systems import PinnedPromptWarning, system_texts, with_texts

PAGES = {
    "/plain.txt": "a system prompt\n",
    "/code.py": "import os\nOTHER = 3\nPROMPT = ('one ' 'two')\n",
    "/broken.py": "PROMPT = (",
    "/empty.txt": " ",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path in PAGES else 404)
            self.end_headers()
            self.wfile.write(PAGES.get(self.path, "").encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def plan(system: Any, **more: Any) -> StepPlan:
    return StepPlan.model_validate(
        {"plan": 1, "system": system, "first": [{"draw": "I", "reads": ["prompt"]}], **more}
    )


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def text_of(system: Any) -> str:
    return system_texts(plan(system), "the checkpoint's")[""]


def test_a_text_stands_in_the_plan_in_a_file_or_in_the_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("in a file\n")
    assert text_of({"text": "here"}) == "here"
    assert text_of({"file": str(tmp_path / "s.txt")}) == "in a file\n"
    assert text_of({"file": str(tmp_path / "s.txt"), "strip": True}) == "in a file"
    assert text_of("checkpoint") == "the checkpoint's"
    assert system_texts(plan("none"), "the checkpoint's") == {}
    with pytest.raises(ValueError, match=r"nowhere\.txt cannot be read"):
        text_of({"file": str(tmp_path / "nowhere.txt")})


def test_what_is_published_is_fetched_once(server: tuple[str, list[str]]) -> None:
    address, asked = server
    source = {"address": f"{address}/code.py", "constant": "PROMPT", "sha256": sha("one two")}
    assert text_of(source) == text_of(source) == "one two"
    assert asked == ["/code.py"]


def test_an_unknown_hash_is_pinned_by_the_first_fetch_which_says_so(
    server: tuple[str, list[str]], tmp_path: Path
) -> None:
    source = {"address": f"{server[0]}/plain.txt", "strip": True}
    with pytest.warns(PinnedPromptWarning, match=sha("a system prompt")):
        assert text_of(source) == "a system prompt"
    assert text_of(source) == "a system prompt"  # and says it no more
    (kept,) = (tmp_path / "cache" / "irg" / "prompts").iterdir()
    kept.write_text(kept.read_text().replace("a system", "another"))
    with pytest.raises(ValueError, match="was changed since it was fetched"):
        text_of(source)


def test_another_text_than_the_pinned_one_is_refused(server: tuple[str, list[str]]) -> None:
    source = {"address": f"{server[0]}/plain.txt", "sha256": sha("what it was")}
    for _ in range(2):
        with pytest.raises(ValueError, match=f"has sha256 {sha(PAGES['/plain.txt'])}, expected"):
            text_of(source)


@pytest.mark.parametrize(
    ("path", "constant", "told"),
    [
        ("/nowhere.txt", None, r"cannot be fetched: HTTP Error 404.*system: \{file: FILE\}"),
        ("/broken.py", "PROMPT", "cannot be read as Python"),
        ("/code.py", "OTHER", "has no text OTHER"),
        ("/code.py", "NOBODY", "has no text NOBODY"),
        ("/empty.txt", None, "is empty"),
    ],
)
def test_what_cannot_be_had_is_told(
    server: tuple[str, list[str]], path: str, constant: str | None, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        text_of({"address": server[0] + path, "constant": constant})


def test_a_plan_with_its_texts_needs_nothing_else() -> None:
    first = plan({"text": "a"}, systems={"look": {"text": "b"}, "own": "checkpoint"})
    texts = system_texts(first, "c")
    assert texts == {"": "a", "look": "b", "own": "c"}
    again = with_texts(first.changed(system={"file": "gone.txt"}), texts)
    assert system_texts(again, "d") == {"": "a", "look": "b", "own": "d"}
