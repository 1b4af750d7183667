"""The comparison as a page of Markdown."""

from collections.abc import Iterable
from collections.abc import Sequence as Seq
from typing import Any

from irg.bench.scene.conditions import short_title, turn_name
from irg.bench.scene.items import COMBINATIONS, COMPOUNDS
from irg.bench.scene.results import OVERALL, PARTS

Json = dict[str, Any]

_SCORES = """\
Score: the share of pictures that show exactly what was asked for, judged by the oracle, with 95% Wilson
intervals. Combinations need colour-shape pairs or counts that no training picture showed; compounds are
longer prompts, in which counts, colours, sizes and relations come together. Neither is part of the overall
score. Fidelity: how well what a picture shows is drawn, whatever was asked for, from 0 to 1 (edges, shading,
colours and background against a perfect rendering of it), with 95% bootstrap intervals."""
_DIFFERENCES = """\
Paired, by prompt, over the pictures that both have, with 95% bootstrap intervals. Bold: the interval leaves
out zero."""
_PARTS = """\
Edges: likeness of the colour gradients along outlines. Shading: likeness of texture and of light and dark
inside the objects. Each against a perfect rendering of what the picture shows."""
_ALTERNATIVES = """\
A second turn costs compute; here is what else that compute could buy. Best of 2 reflects on both pictures, so
that it costs more than a second turn."""
_ABLATIONS = """\
All start from the first picture of the full run and from the same noise. The oracle's reflection is the
true one; the wrong one leads, in the same words, to a scene that nobody asked for. Without VIEW or CLEAN
the model writes its reflection anew, from what it still sees."""
_OTHERS = """Checkpoints that were trained otherwise, with the same prompts and the same noise."""
_REFLECTIONS = """\
A flaw that is named is right if the picture has it: kind, place and the attribute in question agree
(`irg.bench.scene.reflections` says how exactly). *Places*: the place has a flaw of some kind."""
_COMPUTE = """\
Per picture, from the prompt on. Evaluations: runs of the model on a picture being drawn, those of
guidance branches included. Tokens: of the texts it wrote. Seconds: of a batch, shared equally, on the
machine that drew it."""
_CURVE = "Precision and recall: of what the second turns' reflections name."
_PICTURES = """\
The first 24 prompts, not picked: drawn at once (by the base, if there is one), then in two turns. Green
frames are right."""


def page(results: Json) -> str:
    """All of `summarise`'s tables, with what they mean."""
    parts = [
        "# Does reflection make better pictures?",
        _head(results),
        _SCORES,
        "## Turns",
        _scores(_of_kind(results, "turn"), results),
        "![Score and fidelity by turn](scene_turns.png)",
        _changes(results),
        "![Scores by family](scene_families.png)",
        "## Differences",
        _DIFFERENCES,
        _differences(results),
        "Turn 2 minus turn 1 by family:",
        _by_family(results, turn_name(2), turn_name(1)),
        "## Fidelity, part by part",
        _PARTS,
        _parts(results),
        "## What the same compute buys otherwise",
        _ALTERNATIVES,
        _scores(_of_kind(results, "alternative", turn_name(1), turn_name(2)), results),
        _choice(results["choice"]),
        "## Second turns with one thing changed",
        _ABLATIONS,
        _scores(_of_kind(results, "ablation", turn_name(2)), results, few=True),
        *_others(results),
        "## Reflections against the oracle",
        _REFLECTIONS,
        _reflections(results),
        "## Compute",
        _COMPUTE,
        _costs(_of_kind(results, "turn") + _of_kind(results, "alternative")),
        *_curve(results),
        "## Pictures",
        _PICTURES,
        "![Contact sheet](scene_sheet.png)",
    ]
    return "\n\n".join(parts) + "\n"


def _head(results: Json) -> str:
    model, base, counts = results["model"], results["base"], results["counts"]
    drawn_by = f"base `{_named(base)}`" if base else "no base of its own"
    seeds, few = ", ".join(map(str, results["seeds"])), results["counts_of_few"]
    added, added_of_few = (
        " and ".join(f"{group.get(name, 0)} of {name}" for name in (COMBINATIONS, COMPOUNDS))
        for group in (counts, few)
    )
    return (
        f"Protocol `{results['protocol']}`, model `{_named(model)}`, {drawn_by}. "
        f"{results['prompts']} held-out prompts ({results['prompts_different']} different texts), "
        f"seeds {seeds}: {counts[OVERALL]} pictures a condition, and beside them {added}. "
        f"Where a table's n is {few.get(OVERALL, 0)}, it is of the first prompts and the first seed alone, "
        f"with {added_of_few}."
    )


def _named(model: Json) -> str:
    return " ".join(str(model[key]) for key in ("name", "fingerprint") if key in model)


def _of_kind(results: Json, kind: str, *references: str) -> list[Json]:
    """The conditions of a kind, after those that they are to be compared with."""
    every = results["conditions"]
    shown = [found for found in every if found["name"] in references]
    return shown + [found for found in every if found["kind"] == kind]


def _scores(conditions: Seq[Json], results: Json, few: bool = False) -> str:
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
    return _table(["", "n", "score", "95%", *columns, "fidelity", "95%"], rows)


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
    return _table(["", "score", "score on combinations", "score on compounds", "fidelity"], rows)


def _difference(results: Json, better: str, than: str) -> Json:
    return next(one for one in results["differences"] if (one["better"], one["than"]) == (better, than))


def _by_family(results: Json, better: str, than: str) -> str:
    found = _difference(results, better, than)
    names = [name for name in results["counts"] if name in found]
    rows = [
        ["score", *(_signed(found[name]["score"]) for name in names)],
        ["fidelity", *(_signed(found[name]["fidelity"], digits=4) for name in names)],
    ]
    return _table(["", *names], rows)


def _parts(results: Json) -> str:
    rows = [
        [found["title"], *(_value(found["fidelity_parts"][part], digits=4) for part in PARTS)]
        for found in _of_kind(results, "turn")
    ]
    difference = _difference(results, turn_name(2), turn_name(1))[OVERALL]
    rows.append(["turn 2 - turn 1", *(_signed(difference[part], digits=4) for part in PARTS)])
    return _table(["", *PARTS], rows)


def _changes(results: Json) -> str:
    told = "\n".join(
        f"- Turn {one['from']} to {one['to']}: of {one['count']} pictures {one['fixed']} put right, "
        f"{one['broken']} broken."
        for one in results["changes"]
    )
    rows = [
        [
            said,
            f"{found['fixed']} of {found['flawed']}",
            f"{found['broken']} of {found['count'] - found['flawed']}",
        ]
        for said, found in results["changes"][0]["by_reflection"].items()
    ]
    return f"{told}\n\n{_table(['turn 2 says', 'flawed ones put right', 'right ones broken'], rows)}"


def _choice(choice: Json) -> str:
    right = choice["right_one_chosen"]
    told = f"{right['value']:.2f} ({_range(right)})" if right else "none"
    return (
        f"Best of 2: the model reflects on two first turns and takes the one in which it names fewer flaws "
        f"(so decided: {choice['decided_by_flaws']} of {choice['pairs']}), else the one of which it finds "
        f'"Nothing is wrong" likelier. Of {choice["only_one_right"]} pairs of which one was right, it took '
        f"that one in this share: {told}. A perfect choice would score {_value(choice['either_right'])}."
    )


def _others(results: Json) -> list[str]:
    if not results["others"]:
        return []
    named = [f"- {label}: `{_named(other)}`" for label, other in results["others"].items()]
    conditions = _of_kind(results, "other", "direct", turn_name(1), turn_name(2))
    return [
        "## Other checkpoints",
        _OTHERS,
        "\n".join(named),
        _scores(conditions, results, few=True),
    ]


def _curve(results: Json) -> list[str]:
    """Scores and fidelity against training steps, if there are checkpoints of some."""
    points = results["curve"]
    if not points:
        return []
    head = ["training steps", "n"]
    for name in points[0]["conditions"]:
        head += [short_title(name).replace("final model", "drawn at once"), "95%", "fidelity"]
    head += ["precision", "recall"]
    rows = []
    for point in points:
        row = [str(point["step"]), str(point["count"])]
        for found in point["conditions"].values():
            row += [_value(found["score"]), _range(found["score"]), _value(found["fidelity"], digits=4)]
        rows.append(
            [*row, *(_valued(point["reflections"]["all"][share]) for share in ("precision", "recall"))]
        )
    return ["## Over training", "![Score by training step](scene_training.png)", _CURVE, _table(head, rows)]


def _reflections(results: Json) -> str:
    found = results["reflections"]
    second = found.get(turn_name(2))
    if second is None:
        return "None was written."
    by_kind = [("all", second["all"]), *second["kinds"].items(), ("*places*", second["places"])]
    kinds = _table(
        ["turn 2, by kind", "present", "named", "right", "precision", "recall"],
        [
            [
                name,
                *(str(one[count]) for count in ("present", "named", "right")),
                _valued(one["precision"]),
                _valued(one["recall"]),
            ]
            for name, one in by_kind
        ],
    )
    conditions = _table(
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
                _valued(one["all"]["precision"]),
                _valued(one["all"]["recall"]),
                f"{one['flawless']['nothing_wrong']} of {sum(one['flawless'].values())}",
                f"{one['flawed']['nothing_wrong']} of {sum(one['flawed'].values())}",
                f"{one['unreadable']} of {one['reflections']}",
                f"{one['described_right']} of {one['reflections']}",
            ]
            for name, one in found.items()
        ],
    )
    return f"{kinds}\n\n{conditions}"


def _costs(conditions: Seq[Json]) -> str:
    rows = [
        [
            found["title"],
            f"{found['cost']['evaluations']:.0f}",
            f"{found['cost']['tokens']:.0f}",
            f"{found['cost']['seconds']:.2f}",
        ]
        for found in conditions
    ]
    return _table(["", "evaluations", "tokens written", "seconds"], rows)


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


def _table(head: Seq[str], rows: Iterable[Seq[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
