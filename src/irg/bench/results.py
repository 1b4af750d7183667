"""What the comparison found, as JSON: scores, fidelity, paired differences, reflections, costs."""

from collections.abc import Callable
from collections.abc import Sequence as Seq
from typing import Any

import numpy as np

from irg.bench.comparison import CompareOptions
from irg.bench.conditions import ABLATIONS, ALTERNATIVES, Condition, comparisons, in_order, title, turn_name
from irg.bench.intervals import bootstrap_means
from irg.bench.records import Record
from irg.bench.reflections import share, tally
from irg.bench.scene import FAMILIES
from irg.world import Split

OVERALL, COMBINATIONS = "overall", "combinations"
_PARTS = ("edges", "shading", "colour", "background")


def summarise(records: Seq[Record], options: CompareOptions, header: dict[str, Any]) -> dict[str, Any]:
    """All tables of the comparison.

    Shares of right pictures have 95% Wilson intervals; mean fidelity and all differences have paired
    bootstrap intervals, in which whole prompts are drawn, with all their seeds.
    """
    names = in_order(set(records[0].results), options.turns)
    pairs = comparisons(set(names), options.turns)
    groups = {name: found for name, found in _groups(records).items() if found}
    tables = {name: _Table(found, names, pairs, options) for name, found in groups.items()}
    main = groups[OVERALL]
    return header | {
        "seeds": list(options.seeds),
        "counts": {name: len(found) for name, found in groups.items()},
        "prompts_different": len({record.item.prompt for record in main}),
        "bootstrap": {"resamples": options.resamples, "groups": "prompts", "seed": 0},
        "conditions": [_condition(name, tables, main) for name in names],
        "differences": [
            {"better": better, "than": than}
            | {group: table.difference(index) for group, table in tables.items()}
            for index, (better, than) in enumerate(pairs)
        ],
        "changes": [_changes(main, turn) for turn in range(1, options.turns)],
        "reflections": {name: tally(checks) for name in names if (checks := _checks(main, name))},
        "choice": _choice(main),
    }


class _Table:
    """Means, intervals and paired differences over the records of one group."""

    def __init__(
        self, records: Seq[Record], names: Seq[str], pairs: Seq[tuple[str, str]], options: CompareOptions
    ) -> None:
        self.records, self.names = records, list(names)
        right_NC = self._values(lambda record, name: record.results[name].correct)
        fidelity_NC = self._values(lambda record, name: record.results[name].fidelity.score)
        first, second = ([self.names.index(pair[side]) for pair in pairs] for side in (0, 1))
        self.values_NK = np.concatenate(
            [
                fidelity_NC,
                right_NC[:, first] - right_NC[:, second],
                fidelity_NC[:, first] - fidelity_NC[:, second],
            ],
            axis=1,
        )
        self.right_C, self.num_pairs = right_NC.sum(axis=0), len(pairs)
        prompts = [record.item.prompt for record in records]
        self.mean_K = self.values_NK.mean(axis=0)
        self.low_K, self.high_K = bootstrap_means(self.values_NK, prompts, options.resamples)

    def score(self, name: str) -> dict[str, Any]:
        found = share(int(self.right_C[self.names.index(name)]), len(self.records))
        assert found is not None, "a group without records has no table"
        return found

    def fidelity(self, name: str) -> dict[str, float]:
        return self._interval(self.names.index(name))

    def difference(self, pair: int) -> dict[str, Any]:
        start = len(self.names)
        return {
            "score": self._interval(start + pair),
            "fidelity": self._interval(start + self.num_pairs + pair),
        }

    def _values(self, value: Callable[[Record, str], float]) -> np.ndarray:
        return np.array([[float(value(record, name)) for name in self.names] for record in self.records])

    def _interval(self, quantity: int) -> dict[str, float]:
        values = {"value": self.mean_K, "low": self.low_K, "high": self.high_K}
        return {name: round(float(value[quantity]), 4) for name, value in values.items()}


def _groups(records: Seq[Record]) -> dict[str, list[Record]]:
    main = [record for record in records if record.item.split == Split.HELD_OUT]
    combined = [record for record in records if record.item.split == Split.COMBINATIONS]
    families = {
        str(family): [record for record in main if record.item.family == family] for family in FAMILIES
    }
    return {OVERALL: main, **families, COMBINATIONS: combined}


def _condition(name: str, tables: dict[str, _Table], main: Seq[Record]) -> dict[str, Any]:
    kind = "ablation" if name in ABLATIONS else "alternative" if name in ALTERNATIVES else "turn"
    results = [record.results[name] for record in main]
    seeds = sorted({record.seed for record in main})
    return {
        "name": name,
        "title": title(name),
        "kind": kind,
        "score": {group: table.score(name) for group, table in tables.items()},
        "score_by_seed": {
            str(seed): _mean([record.results[name].correct for record in main if record.seed == seed])
            for seed in seeds
        },
        "fidelity": {group: table.fidelity(name) for group, table in tables.items()},
        "fidelity_parts": {
            part: _mean([getattr(result.fidelity, part) for result in results]) for part in _PARTS
        },
        "cost": {
            part: _mean([getattr(result.cost, part) for result in results])
            for part in ("seconds", "evaluations", "tokens")
        },
    }


def _changes(records: Seq[Record], turn: int) -> dict[str, int]:
    """How many pictures the next turn put right, and how many right ones it broke."""
    pairs = [
        tuple(record.results[turn_name(number)].correct for number in (turn, turn + 1)) for record in records
    ]
    changed = {"fixed": pairs.count((False, True)), "broken": pairs.count((True, False))}
    return {"from": turn, "to": turn + 1} | changed


def _checks(records: Seq[Record], name: str) -> list[Any]:
    checks = [record.results[name].check for record in records]
    return [one for one in checks if one is not None]


def _choice(records: Seq[Record]) -> dict[str, Any]:
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


def _mean(values: Seq[float]) -> float:
    return round(float(np.mean(values)), 4)
