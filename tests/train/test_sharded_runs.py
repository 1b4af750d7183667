"""Runs of two processes against those of one, over the same global batch: losses, data, rejections."""

import json
import shutil
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from irg.data.formats import Format
from tests.data.broken import write_broken
from tests.train.conftest import Whole
from tests.train.runs import Course, apart, history, recipe, run
from tests.train.sharded_runs import STOPPED_AT, STOPPED_IN, scenarios, start_two

NUM_BROKEN_ROWS = 45


class Both:
    """The folders of the runs of two processes, and of the same runs by one."""

    def __init__(self, root: Path, start: Path, data: Path) -> None:
        self.start, self.data = start, data
        self.two, self.one, broken = root / "two", root / "one", root / "broken"
        self.reasons = write_broken(broken, NUM_BROKEN_ROWS, np.random.default_rng(3), Format.TRACES)
        self.scenarios = scenarios(start, data, broken)
        start_two(start, data, broken, self.two)

    def alone(self, name: str, resume: bool = False, **changes: Any) -> Course:
        return run(recipe(self.start, self.data, self.one / name, **changes), resume)

    def documents(self, name: str) -> dict[int, Counter[str]]:
        """By step, of both processes."""
        shares = [json.loads((self.two / name / f"documents-{rank}.json").read_text()) for rank in range(2)]
        steps = sorted({*shares[0], *shares[1]}, key=int)
        return {int(step): Counter(shares[0].get(step, []) + shares[1].get(step, [])) for step in steps}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, beginning: Path, traces: Path) -> Both:
    return Both(tmp_path_factory.mktemp("sharded"), beginning, traces)


@pytest.mark.parametrize(
    ("name", "steps"), [("whole", 20), ("replicated", 20), ("selective", 20), ("full", 8)]
)
def test_two_processes_train_as_one(both: Both, whole: Whole, name: str, steps: int) -> None:
    """Sharded or replicated, in parts, and with activations computed again."""
    assert apart(history(both.two / name), history(whole.out)[:steps]) < 1e-5
    alone = whole.course.documents
    assert both.documents(name) == {step: Counter(alone[step]) for step in range(1, steps + 1)}


def test_evaluations_are_those_of_one_process(both: Both, whole: Whole) -> None:
    folders = (both.two / "whole", whole.out)
    two, one = (history(out, "evaluation.jsonl") for out in folders)
    assert [line["step"] for line in two] == [10, 20]
    assert apart(two, one) < 1e-5
    assert one[1]["loss"] < one[0]["loss"]
    for out in folders:
        pictures = sorted(str(path.relative_to(out)) for path in out.glob("samples/*/*"))
        assert pictures == ["samples/step-00000010/00.png", "samples/step-00000020/00.png"]


def test_stopped_processes_go_on_bit_for_bit(both: Both) -> None:
    """The second process was asked to stop, and both did, after the same step."""
    assert history(both.two / "for-one")[-1]["step"] == STOPPED_IN + 1
    assert min(both.documents("stopped")) == STOPPED_IN + 2
    assert history(both.two / "stopped") == history(both.two / "whole")[:STOPPED_AT]


def test_one_process_goes_on_where_two_stopped(both: Both, whole: Whole) -> None:
    shutil.copytree(both.two / "for-one", both.one / "resumed")
    seen = both.alone("resumed", resume=True, stop_at=STOPPED_AT).documents
    assert seen == {step: whole.course.documents[step] for step in range(STOPPED_IN + 2, STOPPED_AT + 1)}
    assert apart(history(both.one / "resumed"), history(whole.out)[:STOPPED_AT]) < 1e-5


@pytest.mark.parametrize("name", ["drawn", "adapted"])
def test_other_beginnings_are_shared_alike(both: Both, name: str) -> None:
    """Weights that are drawn at random, and adapters."""
    both.alone(name, **both.scenarios[name])
    found, alone = history(both.two / name), history(both.one / name)
    assert len(found) == 3 and found[-1]["loss"] != found[0]["loss"]
    assert apart(found, alone) < 1e-5


def test_bfloat16_is_near(both: Both, whole: Whole) -> None:
    found, exact = history(both.two / "bfloat16"), history(whole.out)[:3]
    losses = [(line["loss"], other["loss"]) for line, other in zip(found, exact, strict=True)]
    assert all(mine == pytest.approx(theirs, rel=0.02) and mine != theirs for mine, theirs in losses)


def test_both_processes_together_see_each_row_once_and_count_each_broken_one(both: Both) -> None:
    seen = Counter(chain.from_iterable(counts.elements() for counts in both.documents("epochs").values()))
    broken = sum(len(rows) for rows in both.reasons.values())
    assert (len(seen), set(seen.values()), broken) == (NUM_BROKEN_ROWS - broken, {1}, 10)
    records = [
        json.loads(line)
        for file in (both.two / "epochs").glob("rejected*.jsonl")
        for line in file.read_text().splitlines()
    ]
    expected = {str(reason): len(rows) for reason, rows in both.reasons.items()}
    assert Counter(record["reason"] for record in records) == expected
