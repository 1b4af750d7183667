"""An episode in one picture."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from irg.core.trace import Trace, Turn, Verdict, png
from irg.pipeline.strip import strip

LONG = "A lighthouse at dusk, its lamp lit, waves over black rocks. " * 60


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


class TestStrip:
    @pytest.mark.parametrize("num_turns", [0, 1, 3, 4])
    @pytest.mark.parametrize("thought", [None, "", "Short.", LONG])
    def test_any_number_of_turns(self, num_turns: int, thought: str | None) -> None:
        sheet = strip(trace_of(*[Turn(thought, picture())] * num_turns))
        assert sheet.mode == "RGB" and sheet.width >= 760 and sheet.height >= 100

    def test_panels_run_from_left_to_right_three_turns_to_a_row(self) -> None:
        turn = Turn("Short.", picture())
        sizes = [strip(trace_of(*[turn] * number)).size for number in (1, 2, 3, 4)]
        assert sizes[0][0] < sizes[1][0] < sizes[2][0] == sizes[3][0]
        assert sizes[0][1] == sizes[1][1] == sizes[2][1] < sizes[3][1]

    def test_every_image_is_there_enlarged(self) -> None:
        pixels = np.asarray(strip(TWO)).reshape(-1, 3)
        for colour in ((0xA0, 0x30, 0x60), (0x30, 0x60, 0xA0)):
            count = (pixels == colour).all(axis=1).sum()
            assert 0.95 * 320**2 < count <= 320**2

    def test_the_source_of_an_edit_comes_first(self) -> None:
        turn = Turn(None, picture(colour="#3060a0"))
        sheet = np.asarray(strip(trace_of(turn, source=picture())))
        source = np.argwhere((sheet == (0xA0, 0x30, 0x60)).all(axis=2))[:, 1]
        result = np.argwhere((sheet == (0x30, 0x60, 0xA0)).all(axis=2))[:, 1]
        assert source.max() < result.min()

    @pytest.mark.parametrize("size", [(1024, 1024), (1024, 16), (16, 1024), (1, 1), (3000, 20)])
    def test_any_shape_of_image(self, size: tuple[int, int]) -> None:
        sheet = strip(trace_of(Turn("Short.", picture(*size)), source=picture(*size)))
        assert sheet.width < 4000 and sheet.height < 1500

    def test_a_verdict_shows(self) -> None:
        turn = Turn(None, picture())
        judged = [strip(trace_of(replace(turn, verdict=Verdict(right, ("bad",))))) for right in (True, False)]
        assert strip(trace_of(turn)).height < judged[0].height
        assert judged[0].tobytes() != judged[1].tobytes()

    def test_a_capped_thought_says_so(self) -> None:
        turn = Turn("Short.", picture())
        assert strip(trace_of(turn)).tobytes() != strip(trace_of(replace(turn, capped=True))).tobytes()

    @pytest.mark.parametrize(
        "text",
        [
            "\u753b\u4e00\u53ea\u732b",
            "\u0430\u0431",
            "\u05d0\u05b8",
            "\U0001f600",
            "caf\u00e9 \x00 \x1b",
            "\u202e",
            "\ud800",
        ],
    )
    def test_other_scripts_do_not_stop_it(self, text: str) -> None:
        strip(trace_of(Turn(text, picture(), Verdict(False, (text,))), prompt=text))

    def test_the_same_trace_gives_the_same_bytes(self) -> None:
        assert png(strip(TWO)) == png(strip(TWO))
