"""The columns of a report: each is one turn of one run, beside those that it may be compared with.

What may be compared has one benchmark of one version, the same prompts from the same files, and one judge:
such columns are a section, and nothing goes between sections.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from irg.bench.episodes import PictureCost
from irg.bench.items import Item, fingerprint
from irg.bench.protocol import BASE_TURN, Benchmark, Hearing, Summary
from irg.bench.results import summarised
from irg.bench.runs import BenchRun, DrawingMode
from irg.core.digest import digest_of


@dataclass(frozen=True, eq=False)
class Judged:
    """What one judge found of one run."""

    run: BenchRun
    judge: Mapping[str, Any]
    heard: Mapping[tuple[str, int], Hearing]
    summaries: Mapping[int, Sequence[Summary]]
    """By turn, a summary for each variant."""

    @cached_property
    def costs(self) -> dict[int, PictureCost]:
        """What a picture took on average by the end of each turn, that of the turns before it included."""
        found: dict[int, PictureCost] = {}
        for store in self.run.drawn().values():
            totals: dict[int, list[PictureCost]] = {}
            for episode in store.records.values():
                so_far = PictureCost(0.0, 0, 0)
                for turn, cost in sorted(episode.costs.items()):
                    so_far = so_far + cost
                    totals.setdefault(turn, []).append(so_far)
            found |= {turn: _mean(costs) for turn, costs in totals.items()}
        return found


@dataclass(frozen=True, eq=False)
class Column:
    """One turn of what was judged."""

    title: str
    turn: int
    judged: Judged

    @property
    def summaries(self) -> Sequence[Summary]:
        return self.judged.summaries[self.turn]

    @property
    def is_partial(self) -> bool:
        return self.judged.run.is_partial


@dataclass(frozen=True, eq=False)
class ReportSection:
    """Columns that may be compared."""

    benchmark: Benchmark
    judge: Mapping[str, Any]
    items: Sequence[Item]
    sources: Mapping[str, Any]
    judged: Sequence[Judged]
    columns: Sequence[Column] = field(default_factory=tuple)

    @property
    def variants(self) -> list[str]:
        return list(self.benchmark.summaries)

    def left_out(self, variant: int) -> list[str]:
        """The categories that stand beside the headline of a variant and are no part of it."""
        summaries = [column.summaries[variant] for column in self.columns]
        weighed = [(sample, one.weights) for one in summaries if one.weights for sample in one.samples]
        return list(dict.fromkeys(sample.category for sample, of in weighed if sample.category not in of))


def sections_of(folders: Sequence[Path]) -> list[ReportSection]:
    """What the runs in these folders hold, by what may be compared.

    Raises ValueError for a folder without a run or one that nothing was judged of, and for a run of another
    version of a benchmark, whose evidence has another meaning.
    """
    groups: dict[str, list[Judged]] = {}
    for folder in folders:
        for judged in judged_in(BenchRun.open(folder)):
            groups.setdefault(_comparable(judged), []).append(judged)
    return [_section(some) for some in groups.values()]


def judged_in(run: BenchRun) -> list[Judged]:
    """What each judge found of a run."""
    benchmark = run.benchmark
    if not run.judges:
        raise ValueError(f"{run.folder}: nothing of it was judged; irg bench score {run.folder} does that")
    found = []
    for judge in run.judges:
        store = run.evidence(judge)
        heard = {hearing.key: hearing for hearing in store.records.values()}
        found.append(Judged(run, judge, heard, summarised(benchmark, run, store)))
    return found


def _comparable(judged: Judged) -> str:
    about = judged.run.about
    prompts = [(item.id, item.prompt, len(item.seeds)) for item in judged.run.items]
    return digest_of(about["benchmark"], about["sources"], fingerprint(prompts), dict(judged.judge))


def _section(some: Sequence[Judged]) -> ReportSection:
    first = some[0].run
    names = _names([judged.run for judged in some])
    columns = [
        Column(_named(name, _title(judged.run, turn)), turn, judged)
        for judged, name in zip(some, names, strict=True)
        for turn in judged.run.turns
    ]
    return ReportSection(
        first.benchmark,
        some[0].judge,
        first.items,
        first.about["sources"],
        some,
        columns,
    )


def _names(runs: Sequence[BenchRun]) -> list[str]:
    """What tells the runs of a section apart: nothing where there is one, else the names of their folders,
    numbered where they are alike."""
    if len(runs) == 1:
        return [""]
    names = [run.folder.resolve().name for run in runs]
    return [
        f"{name if names.count(name) == 1 else f'{name} ({place})'}: "
        for place, name in enumerate(names, start=1)
    ]


def _named(name: str, title: str) -> str:
    """A run may be called what its turn is called, which is said once."""
    return title if name == f"{title}: " else f"{name}{title}"


def _title(run: BenchRun, turn: int) -> str:
    match run.about["mode"]:
        case None:
            return f"{run.about['model']['name']}, turn {turn}"
        case DrawingMode.COT:
            return "self-CoT"
    return "base" if turn == BASE_TURN else f"IRG turn {turn}"


def _mean(costs: Sequence[PictureCost]) -> PictureCost:
    total = sum(costs[1:], costs[0])
    count = len(costs)
    return PictureCost(total.seconds / count, round(total.evaluations / count), round(total.tokens / count))
