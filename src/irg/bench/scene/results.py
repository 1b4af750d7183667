"""What the comparison found, as JSON: scores, fidelity, paired differences, reflections, costs."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from irg.bench.intervals import bootstrap_means, share
from irg.bench.scene.comparison import CompareOptions, Contestants, Found
from irg.bench.scene.conditions import Condition, comparisons, in_order, kind, title, turn_name
from irg.bench.scene.fidelity import Fidelity
from irg.bench.scene.items import FAMILIES, GROUPS, MAIN
from irg.bench.scene.records import PromptRecord, Result
from irg.bench.scene.reflections import ReflectionCheck, tally

OVERALL = "overall"
PARTS = tuple(part.name for part in fields(Fidelity))
_MEASURES = ("score", "fidelity", *PARTS)
Array = np.ndarray


def summarise(found: Found, options: CompareOptions, head: Mapping[str, Any]) -> dict[str, Any]:
    """All tables of the comparison.

    Shares of right pictures have 95% Wilson intervals; mean fidelity and all differences have paired
    bootstrap intervals, in which whole prompts are drawn, with all their seeds. Each is of the records that
    have the conditions in question. `few` repeats the scores of all conditions on the records that have them
    all, so that those can be compared at sight.
    """
    names = in_order({name for record in found.records for name in record.results}, options.turns)
    pairs = comparisons(names, options.turns)
    tables = _tables(found.records, names, pairs, options)
    few = [record for record in found.records if set(record.results) >= set(names)]
    tables_of_few = _tables(few, names, [], options)
    main = _groups(found.records)[OVERALL]
    return {
        **head,
        "prompts": options.prompts,
        "ablation_prompts": options.ablation_prompts,
        "turns": options.turns,
        "seeds": list(options.seeds),
        "counts": {group: len(table.records) for group, table in tables.items()},
        "counts_of_few": {group: len(table.records) for group, table in tables_of_few.items()},
        "prompts_different": len({record.prompt for record in main}),
        "bootstrap": {"resamples": options.resamples, "groups": "prompts", "seed": 0},
        "conditions": [_condition(name, tables, tables_of_few, main) for name in names],
        "differences": [
            {"better": better, "than": than}
            | {group: table.intervals[better, than] for group, table in tables.items()}
            for better, than in pairs
        ],
        "changes": [_changes(main, turn) for turn in range(1, options.turns)],
        "reflections": {name: tally(checks) for name in names if (checks := _checks(main, name))},
        "choice": _choice(main),
        "curve": [_point(step, records, options) for step, records in found.curve.items()],
    }


def head_of(contestants: Contestants) -> dict[str, Any]:
    """Which checkpoints were compared."""
    base = contestants.base
    return {
        "model": contestants.model.identity,
        "base": base.identity if base is not None else None,
        "others": {label: other.identity for label, other in contestants.others.items()},
    }


class _Table:
    """Means, intervals and paired differences over the records of one group, each over those records of it
    that have the condition, or both conditions."""

    def __init__(
        self,
        records: Sequence[PromptRecord],
        names: Sequence[str],
        pairs: Sequence[tuple[str, str]],
        options: CompareOptions,
    ) -> None:
        self.records, self.options = records, options
        values = {name: np.array([_values(one.results.get(name)) for one in records]) for name in names}
        differences = {(better, than): values[better] - values[than] for better, than in pairs}
        self.right = {name: values_NM[:, 0] for name, values_NM in values.items()}
        self.intervals = self._bootstrap(values | differences)

    def score(self, name: str) -> dict[str, Any] | None:
        right_N = self.right[name]
        right_N = right_N[~np.isnan(right_N)]
        return share(int(right_N.sum()), len(right_N))

    def fidelity(self, name: str) -> dict[str, float] | None:
        return self.intervals[name]["fidelity"]

    def _bootstrap(self, values: Mapping[Any, Array]) -> dict[Any, dict[str, Any]]:
        """Of every quantity and measure the mean with its interval, or None where nothing was measured.

        Quantities that the same records have are resampled together, which is most of the work.
        """
        found: dict[Any, dict[str, Any]] = {key: dict.fromkeys(_MEASURES) for key in values}
        together: dict[bytes, list[Any]] = {}
        for key, values_NM in values.items():
            together.setdefault((~np.isnan(values_NM[:, 0])).tobytes(), []).append(key)
        for mask, keys in together.items():
            has_N = np.frombuffer(mask, dtype=bool)
            if not has_N.any():
                continue
            prompts = [record.prompt for record, has in zip(self.records, has_N, strict=True) if has]
            values_NK = np.concatenate([values[key][has_N] for key in keys], axis=1)
            low_K, high_K = bootstrap_means(values_NK, prompts, self.options.resamples)
            columns = zip(values_NK.mean(axis=0), low_K, high_K, strict=True)
            for key in keys:
                for measure in _MEASURES:
                    numbers = (round(float(number), 4) for number in next(columns))
                    found[key][measure] = dict(zip(("value", "low", "high"), numbers, strict=True))
        return found


def _tables(
    records: Sequence[PromptRecord],
    names: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    options: CompareOptions,
) -> dict[str, _Table]:
    return {group: _Table(found, names, pairs, options) for group, found in _groups(records).items() if found}


def _values(result: Result | None) -> list[float]:
    """Of a picture, or of none, all that is measured."""
    if result is None:
        return [np.nan] * len(_MEASURES)
    fidelity = result.fidelity
    return [float(result.correct), fidelity.score, *(getattr(fidelity, part) for part in PARTS)]


def _groups(records: Sequence[PromptRecord]) -> dict[str, list[PromptRecord]]:
    by_group = {group: [record for record in records if record.group == group] for group in GROUPS}
    main = by_group.pop(MAIN)
    families = {str(family): [record for record in main if record.family == family] for family in FAMILIES}
    return {OVERALL: main, **families, **by_group}


def _condition(
    name: str, tables: Mapping[str, _Table], few: Mapping[str, _Table], main: Sequence[PromptRecord]
) -> dict[str, Any]:
    having = [record for record in main if name in record.results]
    costs = [record.results[name].cost for record in having]
    return {
        "name": name,
        "title": title(name),
        "kind": kind(name),
        "count": len(having),
        "score": {group: table.score(name) for group, table in tables.items()},
        "score_by_seed": {
            str(seed): _mean([record.results[name].correct for record in having if record.seed == seed])
            for seed in sorted({record.seed for record in having})
        },
        "fidelity": {group: table.fidelity(name) for group, table in tables.items()},
        "fidelity_parts": {part: tables[OVERALL].intervals[name][part] for part in PARTS},
        "few": {
            "score": {group: table.score(name) for group, table in few.items()},
            "fidelity": {group: table.fidelity(name) for group, table in few.items()},
        },
        "cost": {
            part: _mean([getattr(cost, part) for cost in costs])
            for part in ("seconds", "evaluations", "tokens")
        },
    }


def _point(step: int, records: Sequence[PromptRecord], options: CompareOptions) -> dict[str, Any]:
    """A point of the curve over training."""
    names = [str(Condition.DIRECT), turn_name(1), turn_name(2)]
    table = _Table(records, names, [], options)
    conditions = {name: {"score": table.score(name), "fidelity": table.fidelity(name)} for name in names}
    reflections = tally(_checks(records, turn_name(2)))
    return {"step": step, "count": len(records), "conditions": conditions, "reflections": reflections}


def _changes(records: Sequence[PromptRecord], turn: int) -> dict[str, Any]:
    """How many pictures the next turn put right, and how many right ones it broke; also by what it said."""
    before, after = turn_name(turn), turn_name(turn + 1)
    having = [record.results for record in records if {before, after} <= set(record.results)]
    pairs: dict[str, list[tuple[bool, bool]]] = {}
    for results in having:
        said = _said(results[after].check)
        pairs.setdefault(said, []).append((results[before].correct, results[after].correct))
    by_reflection = {said: _changed(found) for said, found in sorted(pairs.items())}
    changed = _changed([pair for found in pairs.values() for pair in found])
    return {"from": turn, "to": turn + 1, **changed, "by_reflection": by_reflection}


def _changed(pairs: Sequence[tuple[bool, bool]]) -> dict[str, int]:
    """Of pairs of verdicts, before and after."""
    flawed = sum(not before for before, _ in pairs)
    changed = {"fixed": pairs.count((False, True)), "broken": pairs.count((True, False))}
    return {"count": len(pairs), "flawed": flawed, **changed}


def _said(reflection: ReflectionCheck | None) -> str:
    if reflection is None:
        return "nothing"
    if reflection.named is None:
        return "what cannot be read"
    return "that something is wrong" if reflection.named else "that nothing is wrong"


def _checks(records: Sequence[PromptRecord], name: str) -> list[Any]:
    checks = [record.results[name].check for record in records if name in record.results]
    return [one for one in checks if one is not None]


def _choice(records: Sequence[PromptRecord]) -> dict[str, Any]:
    """How the model chose between its two first turns, and how well."""
    made = [(record, record.choice) for record in records if record.choice is not None]
    rights = [
        (record.results[turn_name(1)].correct, record.results[str(Condition.AGAIN)].correct)
        for record, _ in made
    ]
    apart = [
        both[choice.chosen] for both, (_, choice) in zip(rights, made, strict=True) if both[0] != both[1]
    ]
    return {
        "pairs": len(made),
        "decided_by_flaws": sum(choice.flaws[0] != choice.flaws[1] for _, choice in made),
        "second_chosen": sum(choice.chosen for _, choice in made),
        "only_one_right": len(apart),
        "right_one_chosen": share(sum(apart), len(apart)),
        "either_right": share(sum(any(both) for both in rights), len(rights)),
    }


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)
