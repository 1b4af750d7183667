import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from irg.core.trace import Trace, Turn, Verdict
from irg.pipeline.report import page, remove_episode, save_episode, write_report
from tests.report.reading import Page

NASTY = '<script>alert("x")</script> & <img src=http://evil.example/a.png> \' "'


def picture(width: int = 64, height: int = 64, colour: str = "#a03060") -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def trace_of(*turns: Turn, prompt: str = "two red circles", source: Image.Image | None = None) -> Trace:
    return Trace(
        prompt, turns, 7, "Think.", {"width": 64}, {"name": "models/tiny", "dtype": "float32"}, source
    )


TWO = trace_of(
    Turn("A thought.", picture(), Verdict(False, ("wanted 2 circles, see 1",)), False, {"drawing": 0.5}),
    Turn("A reflection.", picture(colour="#3060a0"), Verdict(True), True, {"drawing": 0.75}),
)


class TestPage:
    def test_it_holds_everything(self) -> None:
        text = Page(page(TWO)).said
        expected = (
            "two red circles",
            "A thought.",
            "A reflection.",
            "seed 7",
            "models/tiny",
            "wanted 2 circles, see 1",
        )
        for words in (*expected, "matches the prompt", "length cap", "Think.", "0.75", '"width": 64'):
            assert words in text

    def test_the_pictures_are_inside_and_nothing_is_loaded(self) -> None:
        content = page(replace(TWO, source=picture(30, 20)))
        images = picture(30, 20), *(turn.image for turn in TWO.turns)
        for shown, image in zip(Page(content).images, images, strict=True):
            head, _, data = shown["src"].partition(",")
            assert head == "data:image/png;base64"
            assert Image.open(io.BytesIO(base64.b64decode(data))).tobytes() == image.tobytes()
        assert not re.search(r"@import|url\(|https?://", content)

    def test_all_text_is_escaped(self) -> None:
        turn = Turn(NASTY, picture(), Verdict(False, (NASTY,)), False, {NASTY: 1.0})
        nasty = Trace(NASTY, (turn,), 7, NASTY, {NASTY: NASTY}, {"name": NASTY, NASTY: NASTY})
        read = Page(page(nasty))
        assert "script" not in read.tags and read.tags["img"] == 1
        assert read.said.count(NASTY) >= 7

    @pytest.mark.parametrize("num_turns", [0, 1, 3])
    def test_any_number_of_turns(self, num_turns: int) -> None:
        assert Page(page(trace_of(*[Turn(None, picture())] * num_turns))).tags["figure"] == num_turns


class TestSaving:
    def test_the_report_is_a_strip_and_a_page(self, tmp_path: Path) -> None:
        write_report(TWO, tmp_path / "new")
        assert {path.name for path in (tmp_path / "new").iterdir()} == {"strip.png", "index.html"}

    def test_an_episode_takes_the_place_of_the_one_before(self, tmp_path: Path) -> None:
        save_episode(replace(TWO, source=picture()), tmp_path)
        (tmp_path / "notes.txt").write_text("mine")
        save_episode(trace_of(TWO.turns[0]), tmp_path)
        expected = {"trace.json", "turn1.png", "strip.png", "index.html", "notes.txt"}
        assert {path.name for path in tmp_path.iterdir()} == expected
        assert len(Trace.load(tmp_path).turns) == 1
        remove_episode(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_a_failure_keeps_the_episode_before_and_leaves_nothing(self, tmp_path: Path) -> None:
        save_episode(TWO, tmp_path)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        unsavable = replace(TWO, settings={"width": object()})
        with pytest.raises(TypeError):
            save_episode(unsavable, tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
