import json
from dataclasses import replace
from pathlib import Path

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
)


@pytest.mark.parametrize("source", [None, image(30)])
def test_a_trace_comes_back_from_its_folder(source: Image.Image | None, tmp_path: Path) -> None:
    replace(TRACE, source=source).save(tmp_path / "episode")
    loaded = Trace.load(tmp_path / "episode")
    for name in ("prompt", "seed", "system_prompt", "settings", "model"):
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
