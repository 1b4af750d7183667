"""What a run comes to: of the rows that a judge has left, without a model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from irg.bench.judging import hearings
from irg.bench.protocol import Benchmark, Hearing, Summary
from irg.bench.runs import BenchRun
from irg.bench.store import SeriesStore, all_kept


def summarised(benchmark: Benchmark, run: BenchRun, store: SeriesStore[Hearing]) -> dict[int, list[Summary]]:
    """By turn the summaries of all variants, of rows alone. Raises ValueError for rows that no judge of the
    benchmark has written."""
    try:
        with all_kept():
            return {
                turn: [summarise(run.items, heard) for summarise in benchmark.summaries.values()]
                for turn in run.turns
                for heard in [hearings(store, turn)]
            }
    except (LookupError, TypeError, AttributeError, ArithmeticError) as broken:
        raise ValueError(f"{store.path} holds no evidence of {benchmark.name}: {broken!r}") from broken


def result_of(
    run: BenchRun, judge: Mapping[str, Any], found: Mapping[int, Sequence[Summary]]
) -> dict[str, Any]:
    """The result of a run as JSON, with full precision."""

    def told(summary: Summary) -> dict[str, Any]:
        content = asdict(replace(summary, samples=()))
        return {name: value for name, value in content.items() if name not in ("samples", "weights")}

    items = run.about["items"]
    return {
        "benchmark": run.about["benchmark"],
        "version": run.about["version"],
        "partial": f"{items['count']} of {items['of']} prompts" if run.is_partial else None,
        "complete": all(summary.is_complete for some in found.values() for summary in some),
        "judge": dict(judge),
        "turns": [
            {"turn": turn, "summaries": [told(summary) for summary in some]} for turn, some in found.items()
        ],
        "run": dict(run.about),
    }
