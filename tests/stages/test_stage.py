"""Identities and ids: what they depend on, and what a shard is after a stage."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from irg.curate.records import TraceRecord
from irg.stages.stage import Identity, Resource, run_direct

IDENTITY = Identity("judge", 1, {"name": "m"}, {"ask": "abc"}, {"words": 3}, seed=5)


class Praise:
    """Puts the prompt in louder words; rejects short ones."""

    resource = Resource.CPU
    identity = IDENTITY

    def __init__(self) -> None:
        self.seen: list[int] = []

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        self.seen += [record.index for record in records]
        louder = [replace(record, thought=record.prompt.upper()) for record in records]
        return [r if len(r.prompt) > 3 else r.reject("judge", "too short") for r in louder]


def records() -> list[TraceRecord]:
    first, second, third = (
        TraceRecord(f"id{n}", n, text) for n, text in enumerate(["one thing", "two", "three"])
    )
    return [first, second.reject("think", "no"), third]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "other"},
        {"version": 2},
        {"model": {"name": "n"}},
        {"templates": {"ask": "abd"}},
        {"settings": {"words": 4}},
        {"seed": 6},
    ],
)
def test_an_id_depends_on_every_part_of_an_identity(changed: dict[str, Any]) -> None:
    other = replace(IDENTITY, **changed)
    assert other.key("input") != IDENTITY.key("input")
    assert other.seed_for(records()[0]) != IDENTITY.seed_for(records()[0])


def test_an_id_depends_on_the_input_and_on_nothing_else() -> None:
    assert IDENTITY.key("a") != IDENTITY.key("b")
    # Pinned: sets that were made stay the same sets.
    assert IDENTITY.key("input") == "4679ae3ff488886bcd99e30d8fa1451b"
    assert 0 <= IDENTITY.seed_for(records()[0]) < 2**60


def test_a_stage_gets_what_is_going_and_leaves_the_rest() -> None:
    stage, before = Praise(), records()
    after = run_direct(stage, before)
    assert stage.seen == [0, 2]
    assert after[1] == before[1]
    assert [record.thought for record in after] == ["ONE THING", None, "THREE"]
    assert after[0].id == IDENTITY.key("id0") == after[0].steps[-1].key
    step = after[0].steps[-1]
    assert (step.stage, step.version, step.model, step.templates) == (
        "judge",
        1,
        {"name": "m"},
        {"ask": "abc"},
    )


def test_a_reject_keeps_its_reason_and_gets_its_step() -> None:
    (short,) = run_direct(Praise(), [TraceRecord("id", 0, "two")])
    assert short.rejected is not None and short.rejected.reason == "too short"
    assert short.steps[-1].stage == "judge"


def test_what_is_known_is_not_made_again() -> None:
    stage, whole = Praise(), run_direct(Praise(), records())
    again = run_direct(stage, records(), {whole[0].id: whole[0]})
    assert stage.seen == [2] and again == whole
