import json
from pathlib import Path

import pytest
from PIL import Image

from irg.core.trace import Trace, Turn, Verdict, png

FIRST, SECOND, SOURCE = (Image.new("RGB", size, "#a03060") for size in ((64, 64), (48, 64), (30, 20)))
TURNS = (
    Turn(None, FIRST, Verdict(False, ("too \u7ea2", "no <star>")), False, {"drawing": 0.25}),
    Turn("Better.\nMuch.", SECOND, Verdict(True), True, {"thought": 1.5, "drawing": 0.5}),
    Turn("", FIRST),
)
TRACE = Trace(
    "a \u201cdog\u201d", TURNS, 7, "Think.", {"turns": [{"interval": [0.4, 1.0]}]}, {"name": "m"}, SOURCE
)


def same(one: Trace, other: Trace) -> bool:
    """Traces hold pictures, which are equal if their files are."""

    def plain(trace: Trace) -> tuple[object, ...]:
        turns = [
            (turn.thought, png(turn.image), turn.verdict, turn.capped, turn.seconds) for turn in trace.turns
        ]
        source = png(trace.source) if trace.source else None
        return trace.prompt, turns, trace.seed, trace.system_prompt, trace.settings, trace.model, source

    return plain(one) == plain(other)


@pytest.mark.parametrize("trace", [TRACE, Trace("dog", (), 0)], ids=["full", "empty"])
def test_a_saved_trace_loads_as_it_was(trace: Trace, tmp_path: Path) -> None:
    trace.save(tmp_path / "new")
    assert same(Trace.load(tmp_path / "new"), trace)


def test_saving_is_repeatable_to_the_byte(tmp_path: Path) -> None:
    TRACE.save(tmp_path / "a")
    Trace.load(tmp_path / "a").save(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_folder_without_a_trace_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"trace\.json is missing"):
        Trace.load(tmp_path)


def test_another_version_is_told(tmp_path: Path) -> None:
    TRACE.save(tmp_path)
    content = json.loads((tmp_path / "trace.json").read_text())
    (tmp_path / "trace.json").write_text(json.dumps(content | {"version": 99}))
    with pytest.raises(ValueError, match="version 99, expected 1"):
        Trace.load(tmp_path)
