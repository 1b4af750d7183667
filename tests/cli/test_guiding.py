from pathlib import Path

import pytest

from irg.core.trace import Trace
from tests.cli.conftest import SMALL, Run


def test_guidance_is_changed_in_every_turn_and_nothing_else_of_it(run: Run, checkpoint: Path) -> None:
    options = ("--text-scale", 2, "--image-scale", 1.5, "--renorm", "none", "--renorm-min", 0.5)
    result = run("generate", "dog", "--out", "x", *options, "--model", checkpoint, *SMALL)
    assert result.exit_code == 0, result.output
    run("generate", "dog", "--out", "usual", "--model", checkpoint, *SMALL)
    wanted = {"text_scale": 2, "image_scale": 1.5, "renorm": "none", "renorm_min": 0.5}
    for ours, usual in zip(*(Trace.load(name).settings["turns"] for name in ("x", "usual")), strict=True):
        assert ours["guidance"] == usual["guidance"] | wanted != usual["guidance"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--text-scale", "nan"), "text scale of guidance nan: expected a number"),
        (("--renorm", "all"), "'all' is not one of"),
        (("--renorm-min", 2), "'2': Input should be less than or equal to 1"),
        (("--points", "many"), "'many': Input should be a valid integer"),
        (("--steps", 3, "--points", 3), "3 time points and 3 steps: expected one of the two"),
        (("--shift", 0), "timestep shift 0.0: expected a number above 0"),
        (("--top-p", 0), "top_p 0.0: expected a number above 0"),
        (("--image", "nowhere.png"), "nowhere.png: no such file"),
    ],
)
def test_a_wrong_value_is_named(options: tuple[object, ...], message: str, refuse, checkpoint: Path) -> None:
    said = refuse("generate", "dog", "--model", checkpoint, *options).replace("\u2502", "")
    assert message in " ".join(said.split())
