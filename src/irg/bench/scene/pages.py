"""The comparison as a page of Markdown."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from irg.bench.scene.conditions import short_title, turn_name
from irg.bench.scene.items import COMBINATIONS, COMPOUNDS
from irg.bench.scene.results import OVERALL, PARTS
from irg.report.markdown import table
from irg.report.page import fill

Json = dict[str, Any]


def page(results: Json) -> str:
    """All of `summarise`'s tables, with what they mean: `page.md`, filled in."""
    turns, alternatives = _of_kind(results, "turn"), _of_kind(results, "alternative")
    first_turns = turn_name(1), turn_name(2)
    right = results["choice"]["right_one_chosen"]
    added, added_of_few = (
        " and ".join(f"{group.get(name, 0)} of {name}" for name in (COMBINATIONS, COMPOUNDS))
        for group in (results["counts"], results["counts_of_few"])
    )
    content = {
        "results": results,
        "model": _named(results["model"]),
        "base": results["base"] and _named(results["base"]),
        "added": added,
        "added_of_few": added_of_few,
        "right_one_chosen": f"{right['value']:.2f} ({_range(right)})" if right else "none",
        "either_right": _value(results["choice"]["either_right"]),
        "others": {label: _named(other) for label, other in results["others"].items()},
    }
    tables = {
        "turns": _scores(turns, results),
        "changes_by_reflection": _changes(results["changes"][0]["by_reflection"]),
        "differences": _differences(results),
        "by_family": _by_family(results, turn_name(2), turn_name(1)),
        "parts": _parts(results),
        "alternatives": _scores(_of_kind(results, "alternative", *first_turns), results),
        "ablations": _scores(_of_kind(results, "ablation", turn_name(2)), results, few=True),
        "scores_of_others": _scores(_of_kind(results, "other", "direct", *first_turns), results, few=True),
        "reflections": _reflections(results),
        "costs": _costs(turns + alternatives),
        "curve": _curve(results["curve"]),
    }
    return fill("bench/scene/page.md", content | {name: Markup(text) for name, text in tables.items()})


def _named(model: Json) -> str:
    return " ".join(str(model[key]) for key in ("name", "fingerprint") if key in model)


def _of_kind(results: Json, kind: str, *references: str) -> list[Json]:
    """The conditions of a kind, after those that they are to be compared with."""
    every = results["conditions"]
    shown = [found for found in every if found["name"] in references]
    return shown + [found for found in every if found["kind"] == kind]


def _scores(conditions: Sequence[Json], results: Json, few: bool = False) -> str:
    """A table of conditions. `few`: over the records that have every condition, so that rows compare."""
    names = list(results["counts_of_few" if few else "counts"])
    columns = [name for name in names if name != OVERALL]
    rows = []
    for found in conditions:
        score, fidelity = ((found["few"] if few else found)[measure] for measure in ("score", "fidelity"))
        rows.append(
            [
                found["title"],
                str(results["counts_of_few"].get(OVERALL, 0) if few else found["count"]),
                f"**{_value(score.get(OVERALL))}**",
                _range(score.get(OVERALL)),
                *(_value(score[name], digits=2) for name in columns),
                _value(fidelity.get(OVERALL), digits=4),
                _range(fidelity.get(OVERALL), digits=4),
            ]
        )
    return table(["", "n", "score", "95%", *columns, "fidelity", "95%"], rows)


def _differences(results: Json) -> str:
    rows = [
        [
            f"{short_title(found['better'])} - {short_title(found['than'])}",
            _signed(found[OVERALL]["score"]),
            *(_signed(found[name]["score"]) if name in found else "" for name in (COMBINATIONS, COMPOUNDS)),
            _signed(found[OVERALL]["fidelity"], digits=4),
        ]
        for found in results["differences"]
    ]
    return table(["", "score", "score on combinations", "score on compounds", "fidelity"], rows)


def _difference(results: Json, better: str, than: str) -> Json:
    return next(one for one in results["differences"] if (one["better"], one["than"]) == (better, than))


def _by_family(results: Json, better: str, than: str) -> str:
    found = _difference(results, better, than)
    names = [name for name in results["counts"] if name in found]
    rows = [
        ["score", *(_signed(found[name]["score"]) for name in names)],
        ["fidelity", *(_signed(found[name]["fidelity"], digits=4) for name in names)],
    ]
    return table(["", *names], rows)


def _parts(results: Json) -> str:
    rows = [
        [found["title"], *(_value(found["fidelity_parts"][part], digits=4) for part in PARTS)]
        for found in _of_kind(results, "turn")
    ]
    difference = _difference(results, turn_name(2), turn_name(1))[OVERALL]
    rows.append(["turn 2 - turn 1", *(_signed(difference[part], digits=4) for part in PARTS)])
    return table(["", *PARTS], rows)


def _changes(by_reflection: Json) -> str:
    rows = [
        [said, f"{one['fixed']} of {one['flawed']}", f"{one['broken']} of {one['count'] - one['flawed']}"]
        for said, one in by_reflection.items()
    ]
    return table(["turn 2 says", "flawed ones put right", "right ones broken"], rows)


def _curve(points: Sequence[Json]) -> str:
    """Scores and fidelity against training steps, if there are checkpoints of some."""
    if not points:
        return ""
    head = ["training steps", "n"]
    for name in points[0]["conditions"]:
        head += [short_title(name).replace("final model", "drawn at once"), "95%", "fidelity"]
    head += ["precision", "recall"]
    rows = []
    for point in points:
        row = [str(point["step"]), str(point["count"])]
        for found in point["conditions"].values():
            row += [_value(found["score"]), _range(found["score"]), _value(found["fidelity"], digits=4)]
        rows.append([*row, *_rates(point["reflections"]["all"])])
    return table(head, rows)


def _reflections(results: Json) -> str:
    found = results["reflections"]
    second = found.get(turn_name(2))
    if second is None:
        return "None was written."
    by_kind = [("all", second["all"]), *second["kinds"].items(), ("*places*", second["places"])]
    kinds = table(
        ["turn 2, by kind", "present", "named", "right", "precision", "recall"],
        [
            [name, *(str(one[count]) for count in ("present", "named", "right")), *_rates(one)]
            for name, one in by_kind
        ],
    )
    conditions = table(
        [
            "",
            "precision",
            "recall",
            "flawless: says so",
            "flawed: says flawless",
            "unreadable",
            "ends in a right scene",
        ],
        [
            [
                short_title(name),
                *_rates(one["all"]),
                f"{one['flawless']['nothing_wrong']} of {sum(one['flawless'].values())}",
                f"{one['flawed']['nothing_wrong']} of {sum(one['flawed'].values())}",
                f"{one['unreadable']} of {one['reflections']}",
                f"{one['described_right']} of {one['reflections']}",
            ]
            for name, one in found.items()
        ],
    )
    return f"{kinds}\n\n{conditions}"


def _rates(found: Json) -> tuple[str, str]:
    return _valued(found["precision"]), _valued(found["recall"])


def _costs(conditions: Sequence[Json]) -> str:
    rows = [
        [found["title"], f"{cost['evaluations']:.0f}", f"{cost['tokens']:.0f}", f"{cost['seconds']:.2f}"]
        for found in conditions
        for cost in [found["cost"]]
    ]
    return table(["", "evaluations", "tokens written", "seconds"], rows)


def _value(interval: Json | None, digits: int = 3) -> str:
    return f"{interval['value']:.{digits}f}" if interval else "-"


def _range(interval: Json | None, digits: int = 3) -> str:
    return f"{interval['low']:.{digits}f} to {interval['high']:.{digits}f}" if interval else "-"


def _signed(interval: Json | None, digits: int = 3) -> str:
    if interval is None:
        return "-"
    text = (
        f"{interval['value']:+.{digits}f} ({interval['low']:+.{digits}f} to {interval['high']:+.{digits}f})"
    )
    return f"**{text}**" if interval["low"] > 0 or interval["high"] < 0 else text


def _valued(found: Json | None) -> str:
    return f"{found['value']:.2f} ({_range(found, digits=2)})" if found else "-"
