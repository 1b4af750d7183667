"""Shards: what is counted between a stage and the next, and what a shard is called."""

from dataclasses import replace

from irg.core.cost import Cost
from irg.curate.records import TraceRecord
from irg.stages.shards import Mark, Shard, Tally, tally
from irg.stages.stage import Identity


def test_a_tally_is_of_what_was_going() -> None:
    one, two, three = (TraceRecord(f"id{n}", n, "a cat", cost=Cost(1)) for n in range(3))
    gone = three.reject("think", "no")
    after = [replace(one, cost=Cost(3, money=0.5)), two.reject("judge", "too dark"), gone]
    done = tally([one, two, gone], after, 1.5)
    assert done == Tally(2, 1, 1.5, {"too dark": 1}, Cost(2, money=0.5))
    assert done + Tally(1, 0, 0.5, {"too dark": 1, "cut": 1}) == Tally(
        3, 1, 2.0, {"too dark": 2, "cut": 1}, Cost(2, money=0.5)
    )


def test_a_mark_hashes_the_whole_way() -> None:
    first, second = Identity("propose", 1), Identity("draw", 1)
    mark = Mark.first(first, 0, 4)
    assert mark != Mark.first(first, 4, 4) and mark != Mark.first(first, 0, 5)
    assert mark.then(second) == Mark("draw", second.key(mark.key))
    assert mark.then(second) != Mark.first(replace(first, seed=1), 0, 4).then(second)


def test_a_shard_that_is_left_keeps_its_name() -> None:
    shard = Shard(3, (Mark("propose", "a"),), (TraceRecord("id", 0, "a cat"),))
    assert (
        shard.left == Shard(3, shard.lineage, ()) and shard.after(Mark("draw", "b"), ()).mark.name == "draw"
    )
