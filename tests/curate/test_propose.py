"""Proposing: new prompts, none of a benchmark's, in the same shards whenever they are asked for."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from irg.curate.contamination import Guard
from irg.curate.propose import Proposal, Proposer, Proposing
from irg.curate.records import TraceRecord, work_of
from irg.stages.shards import Outcome
from irg.stages.stage import Identity


class Listed:
    """Prompts of a list. Counts how many it was asked for."""

    identity = Identity("listed", 1)

    def __init__(self, prompts: Sequence[str]) -> None:
        self.prompts, self.asked = [Proposal(prompt, "a list", "CC0-1.0") for prompt in prompts], 0

    async def proposals(self, start: int, count: int) -> Sequence[Proposal]:
        self.asked += count
        return self.prompts[start : start + count]


def proposer(folder: Path, prompts: Listed, count: int, shard: int = 3, repeats: int = 1) -> Proposer:
    guard = Guard(("a benchmark's very own prompt",))
    return Proposer(prompts, guard, Proposing(count, shard, repeats), work_of(folder))


def outcomes(made: Proposer) -> list[Outcome]:
    async def collect() -> list[Outcome]:
        return [outcome async for outcome in made.shards()]

    return asyncio.run(collect())


def records(made: Proposer) -> list[TraceRecord]:
    return [record for outcome in outcomes(made) for record in outcome.shard.records]


def test_rejects_are_kept_with_their_reasons_and_made_up_for(tmp_path: Path) -> None:
    texts = ["a cat", "A  cat!", "", "A benchmark's very own prompt.", "a dog", "a cow", "a fox", "an owl"]
    made = outcomes(proposer(tmp_path, Listed(texts), 5))
    assert [outcome.tally.kept for outcome in made] == [3, 2]
    found = [record for outcome in made for record in outcome.shard.records]
    assert [record.index for record in found] == list(range(8))
    reasons = [record.rejected and record.rejected.reason for record in found]
    assert reasons[:4] == [None, "duplicate prompt", "empty prompt", "prompt of a benchmark"]
    assert reasons[4:] == [None] * 4
    assert made[0].tally.rejects == Counter(reason for reason in reasons if reason)
    assert len({record.id for record in found}) == 8
    assert (found[0].source, found[0].licence, found[0].steps[0].stage) == ("a list", "CC0-1.0", "propose")


def test_a_prompt_may_be_used_as_often_as_it_says(tmp_path: Path) -> None:
    found = records(proposer(tmp_path, Listed(["a cat"] * 5 + ["a dog"]), 4, repeats=3))
    assert [record.rejected is None for record in found] == [True, True, True, False, False, True]


def test_shards_are_the_same_from_the_store(tmp_path: Path) -> None:
    texts = [f"thing number {number % 11}" for number in range(40)]
    whole = records(proposer(tmp_path / "whole", Listed(texts), 10))
    records(proposer(tmp_path / "parts", Listed(texts), 6))
    prompts = Listed(texts)
    again = outcomes(proposer(tmp_path / "parts", prompts, 10))
    assert [outcome.reused for outcome in again] == [True, True, False, False]
    assert [record for outcome in again for record in outcome.shard.records] == whole
    assert prompts.asked < 15  # only what came after the first two shards


def test_it_ends_when_prompts_are_used_up(tmp_path: Path) -> None:
    made = outcomes(proposer(tmp_path, Listed(["a cat", "a dog", "a cow", "a fox"]), 100))
    assert [outcome.tally.kept for outcome in made] == [3, 1]
    same = outcomes(proposer(tmp_path / "same", Listed(["a cat"] * 1000), 2, shard=2))
    assert [outcome.tally.kept for outcome in same] == [1] and same[0].tally.taken == 42


def test_a_source_may_say_why_a_prompt_did_not_come(tmp_path: Path) -> None:
    prompts = Listed(["a cat", "x", "a dog"])
    prompts.prompts[1] = Proposal("", "a teacher", problem=("timed out", "no answer in 2 s"))
    assert [
        record.rejected and record.rejected.reason for record in records(proposer(tmp_path, prompts, 2))
    ] == [
        None,
        "timed out",
        None,
    ]
