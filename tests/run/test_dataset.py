"""Stored data as a run is fed with it."""

import shutil
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from irg.core.trace import Turn
from irg.data.learning import USUAL_WEIGHTS
from irg.data.scene_source import SceneSource
from irg.data.traces import TraceStore, TraceWriter
from irg.run.assemble import parts_of
from irg.run.dataset import StoredFeed, data_of, usual_modes
from irg.run.parallel import Layout
from tests.train.runs import batch, recipe


def feed(beginning: Path, traces: Path, out: Path) -> StoredFeed:
    """Of steps of one document, where each should have one of two modes."""
    wanted = [{"path": str(traces), "modes": {"direct": 1.0, "improving_full": 1.0}}]
    wanted[0]["required"] = ["improving_full", "direct"]
    chosen = recipe(beginning, traces, out, data=wanted, batch=batch(rows=1, tokens=None, documents=1))
    return StoredFeed(data_of(chosen, chosen.data, parts_of(chosen), 1), Layout(0, 1, torch.device("cpu")))


def told(rows: tuple) -> list[tuple[str, int]]:
    return [(document.mode, document.num_tokens) for row in rows for document in row]


def test_a_feed_begins_after_the_step_whose_state_it_is_given(
    beginning: Path, traces: Path, tmp_path: Path
) -> None:
    with closing(iter(feed(beginning, traces, tmp_path))) as fed:
        steps = list(islice(fed, 5))
    again = feed(beginning, traces, tmp_path)
    again.restore(steps[2].state)
    with closing(iter(again)) as fed:
        later = list(islice(fed, 2))
    assert [told(step.rows) for step in later] == [told(step.rows) for step in steps[3:]]
    assert [step.state for step in later] == [step.state for step in steps[3:]]


def test_modes_that_nobody_names_are_those_that_the_rows_teach(
    beginning: Path, traces: Path, tmp_path: Path
) -> None:
    """With a manifest that says so, and without; rows that lack the parts are no errors."""
    short = TraceStore(traces).read(0)
    short = replace(short, id="short", turns=(Turn(None, short.turns[0].image),), questions=())
    with TraceWriter(tmp_path / "mixed") as writer:
        for one in (TraceStore(traces).read(1), short):
            writer.write(one)
    shutil.copytree(tmp_path / "mixed", tmp_path / "bare")
    (tmp_path / "bare" / "manifest.json").unlink()
    for path in (tmp_path / "mixed", tmp_path / "bare"):
        modes = usual_modes(TraceStore(path))
        assert modes == {mode: weight for mode, weight in USUAL_WEIGHTS.items() if mode != "edit"}
        chosen = recipe(beginning, traces, tmp_path / "out", data=[{"path": str(path)}])
        survey = data_of(chosen, chosen.data, parts_of(chosen), 1).survey
        usable = {one.stream.mode: len(one.lengths.usable) for one in survey.streams}
        assert usable == {mode: 2 if mode == "direct" else 1 for mode in modes} and not survey.rejected
    assert usual_modes(SceneSource("episodes", 10, 0)) == {}


def test_what_a_step_had_no_room_for_is_counted(beginning: Path, traces: Path, tmp_path: Path) -> None:
    stored = feed(beginning, traces, tmp_path)
    with closing(iter(stored)) as fed:
        steps = list(islice(fed, 6))
    lacking = [{"direct", "improving_full"} - {mode for mode, _ in told(step.rows)} for step in steps]
    assert sum(stored.missing.values()) == sum(map(len, lacking)) > 0
