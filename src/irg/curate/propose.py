"""Proposing: the source of records. Prompts from anywhere, each new, none of a benchmark's, in shards.

Proposals are numbered from 0, and the number is a record's index. Each is kept, as a live record or as a
reject with its reason; a shard is as many proposals as it takes to have its number of live records. So a
shard depends on those before it, and a proposer makes or recalls them in order.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol

import numpy as np

from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.curate.contamination import Guard
from irg.curate.records import TraceRecord
from irg.data.sets import plain
from irg.stages.shards import Mark, Outcome, Shard, tally
from irg.stages.stage import Identity, live
from irg.stages.store import Store

MAX_REJECTS = 20
"""Rejected proposals per wanted one after which the prompts count as used up: a grammar may know no more."""


@dataclass(frozen=True)
class Proposal:
    """A prompt, where it comes from and under which licence; a good picture of it, where there is one.

    In the place of a prompt that did not come there is a `problem`: why, as one of a few fixed phrases, and
    details.
    """

    prompt: str
    source: str
    licence: str = ""
    image: Picture | None = None
    problem: tuple[str, str] | None = None


class Prompts(Protocol):
    """Where prompts come from. Proposal number n is the same whenever it is asked for."""

    @property
    def identity(self) -> Identity: ...

    async def proposals(self, start: int, count: int) -> Sequence[Proposal]:
        """Proposals `start` to `start + count`, or fewer where there are no more."""
        ...


@dataclass(frozen=True)
class Proposing:
    """How many live records in all, how many of them in a shard, and how often a prompt may be used."""

    count: int
    shard: int
    repeats: int = 1


class Proposer:
    """Makes a run's shards in order, or recalls them from the store."""

    def __init__(self, prompts: Prompts, guard: Guard, proposing: Proposing, store: Store) -> None:
        self.prompts, self.guard, self.proposing, self.store = prompts, guard, proposing, store
        settings = {"repeats": proposing.repeats, "guard": guard.digest}
        inner = prompts.identity
        self.identity = Identity(
            "propose", 1, inner.model, inner.templates, {**inner.settings, **settings}, inner.seed
        )

    def forget_failed(self) -> Counter[str]:
        """Have the last shard made again if it has too few records because of answers that did not come, with
        all that was made of it. Returns how many of its proposals that concerns, by reason.

        In the place of one that failed in any other shard stands the next that was proposed.
        """
        for number, start, size in self._parts():
            mark = Mark.first(self.identity, start, size)
            if not self.store.has(number, mark):
                break
            done = self.store.tally(number, mark)
            passing = self.store.codec.passing & done.rejects.keys()
            failed = {reason: done.rejects[reason] for reason in passing}
            if done.kept < size and failed:
                self._forget(number, mark)
                return Counter(failed)
        return Counter()

    async def shards(self) -> AsyncIterator[Outcome]:
        """Every shard of the run, as proposed. There are fewer when the prompts are used up before."""
        seen, position = _Seen(), 0
        for number, start, size in self._parts():
            mark = Mark.first(self.identity, start, size)
            if self.store.has(number, mark):
                outcome = self._recalled(number, mark, seen)
            else:
                began = perf_counter()
                records = await self._propose(seen, position, size)
                proposed = [replace(record, rejected=None) for record in records]
                done = tally(proposed, records, perf_counter() - began)
                shard = Shard(number, (mark,), tuple(records))
                self.store.save(shard, None, done)
                outcome = Outcome(shard, done, reused=False)
            position += len(outcome.shard.records)
            if outcome.shard.records:
                yield outcome
            if outcome.tally.kept < size:
                return

    def _parts(self) -> Iterator[tuple[int, int, int]]:
        """The shards: number, live records before it, live records in it."""
        count, most = self.proposing.count, self.proposing.shard
        for number, start in enumerate(range(0, count, most)):
            yield number, start, min(most, count - start)

    def _forget(self, number: int, mark: Mark) -> None:
        made = [(other, way) for at, other, way in self.store.files() if at == number and way[0] == mark]
        for other, _ in sorted(made, key=lambda file: -len(file[1])):  # a file never without those before it
            self.store.remove(number, other)

    def _recalled(self, number: int, mark: Mark, seen: "_Seen") -> Outcome:
        shard = self.store.load(number, [mark])
        for record in live(shard.records):
            seen.add(plain(record.prompt))
        return Outcome(shard, self.store.tally(number, mark), reused=True)

    async def _propose(self, seen: "_Seen", position: int, size: int) -> list[TraceRecord]:
        records: list[TraceRecord] = []
        num_live = 0
        while num_live < size and len(records) < size * (1 + MAX_REJECTS):
            wanted = size - num_live
            proposals = await self.prompts.proposals(position + len(records), wanted)
            for proposal in proposals:
                record = self._record(proposal, position + len(records), seen)
                num_live += record.rejected is None
                records.append(record)
            if len(proposals) < wanted:
                break
        return records

    def _record(self, proposal: Proposal, index: int, seen: "_Seen") -> TraceRecord:
        prompt, image = " ".join(proposal.prompt.split()), proposal.image
        origin = digest_of(prompt, proposal.source, proposal.licence, image.digest if image else None, index)
        record = TraceRecord(origin, index, prompt, proposal.source, proposal.licence, image2=image)
        step = self.identity.step(record)
        record = replace(record, id=step.key, steps=(step,))
        if proposal.problem:
            return record.reject("propose", *proposal.problem)
        if not prompt:
            return record.reject("propose", "empty prompt")
        if problem := self.guard.problem(prompt):
            return record.reject("propose", *problem)
        text = plain(prompt)
        if seen.count(text) >= self.proposing.repeats:
            return record.reject("propose", "duplicate prompt")
        seen.add(text)
        return record


class _Seen:
    """How often each text was added, in 8 bytes per addition: a run may have millions."""

    def __init__(self) -> None:
        self._sorted = np.empty(0, dtype=np.uint64)
        self._recent: dict[int, int] = {}

    def add(self, text: str) -> None:
        key = _digest(text)
        self._recent[key] = self._recent.get(key, 0) + 1
        if len(self._recent) >= 4096:
            added = np.repeat(
                np.fromiter(self._recent, dtype=np.uint64), np.fromiter(self._recent.values(), dtype=np.int64)
            )
            self._sorted = np.sort(np.concatenate([self._sorted, added]))
            self._recent.clear()

    def count(self, text: str) -> int:
        key = _digest(text)
        left, right = (np.searchsorted(self._sorted, np.uint64(key), side) for side in ("left", "right"))
        return int(right - left) + self._recent.get(key, 0)


def _digest(text: str) -> int:
    return int(digest_of(text)[:16], 16)
