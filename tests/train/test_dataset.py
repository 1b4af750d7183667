"""Stored data as a run is fed with it."""

from contextlib import closing
from itertools import islice
from pathlib import Path

import torch

from irg.run.parallel import Layout
from irg.train.assemble import parts_of
from irg.train.dataset import StoredFeed, data_of
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


def test_what_a_step_had_no_room_for_is_counted(beginning: Path, traces: Path, tmp_path: Path) -> None:
    stored = feed(beginning, traces, tmp_path)
    with closing(iter(stored)) as fed:
        steps = list(islice(fed, 6))
    lacking = [{"direct", "improving_full"} - {mode for mode, _ in told(step.rows)} for step in steps]
    assert sum(stored.missing.values()) == sum(map(len, lacking)) > 0
