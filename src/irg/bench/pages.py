"""The comparison as a page of Markdown."""

from collections.abc import Iterable
from collections.abc import Sequence as Seq
from typing import Any

from irg.bench.conditions import title, turn_name
from irg.bench.results import COMBINATIONS, OVERALL

Json = dict[str, Any]


_SCORES = """\
Score: the share of pictures that show exactly what was asked for, judged by the oracle, with 95% Wilson
intervals. Fidelity: how well what a picture shows is drawn, whatever was asked for, from 0 to 1 (edges,
shading, colours and background against a perfect rendering of it), with 95% bootstrap intervals."""
_DIFFERENCES = """Paired, by prompt, with 95% bootstrap intervals. Bold: the interval leaves out zero."""
_ABLATIONS = """\
All start from the first picture of the full run and from the same noise. The oracle's reflection is the
true one; the wrong one leads, in the same words, to a scene that nobody asked for. Without VIEW or CLEAN
the model writes its reflection anew, from what it still sees."""
_REFLECTIONS = """\
A flaw that is named is right if the picture has it: kind, place and the attribute in question agree
(`irg.bench.reflections` says how exactly). *Places*: the place has a flaw of some kind."""
_COMPUTE = """\
Per picture, from the prompt on. Evaluations: runs of the model on a picture being drawn, those of
guidance branches included. Tokens: of the texts it wrote. Seconds: of a batch, shared equally, where this
was run."""
_PICTURES = """\
The first 24 prompts, not picked: drawn at once, then turn by turn. Green frames are right."""


def page(results: Json) -> str:
    """All of `summarise`'s tables, with what they mean."""
    parts = [
        "# Does reflection make better pictures?",
        _head(results),
        _SCORES,
        "## Turns",
        _scores(results, "turn"),
        "![Score and fidelity by turn](scene_turns.png)",
        _changes(results),
        "![Scores by family](scene_families.png)",
        "## Differences",
        _DIFFERENCES,
        _differences(results),
        "Turn 2 minus turn 1 by family:",
        _by_family(results, turn_name(2), turn_name(1)),
        "## What the same compute buys otherwise",
        _scores(results, "alternative"),
        _choice(results["choice"]),
        "## Second turns with one thing changed",
        _ABLATIONS,
        _scores(results, "ablation"),
        "## Reflections against the oracle",
        _REFLECTIONS,
        _reflections(results),
        "## Compute",
        _COMPUTE,
        _costs(results),
        "## Pictures",
        _PICTURES,
        "![Contact sheet](scene_sheet.png)",
    ]
    return "\n\n".join(parts) + "\n"


def _head(results: Json) -> str:
    model, base, counts = results["model"], results["base"], results["counts"]
    drawn_by = f"base `{_named(base)}`" if base else "as base the same model, drawing at once"
    seeds = ", ".join(map(str, results["seeds"]))
    return (
        f"Protocol `{results['protocol']}`, model `{_named(model)}`, {drawn_by}. "
        f"{results['prompts']} held-out prompts ({results['prompts_different']} different texts), "
        f"seeds {seeds}: {counts[OVERALL]} pictures a condition, "
        f"and {counts.get(COMBINATIONS, 0)} of held-out combinations."
    )


def _named(model: Json) -> str:
    return " ".join(str(model[key]) for key in ("name", "fingerprint") if key in model)


def _scores(results: Json, kind: str) -> str:
    """A table of the conditions of a kind; turn 2 is repeated where others are to be compared with it."""
    shown = [found for found in results["conditions"] if found["kind"] == kind]
    if kind != "turn":
        reference = [turn_name(1), turn_name(2)] if kind == "alternative" else [turn_name(2)]
        shown = [found for found in results["conditions"] if found["name"] in reference] + shown
    families = [name for name in results["counts"] if name not in (OVERALL, COMBINATIONS)]
    columns = [name for name in (*families, COMBINATIONS) if name in results["counts"]]
    rows = [
        [
            found["title"],
            f"**{found['score'][OVERALL]['value']:.3f}**",
            _range(found["score"][OVERALL]),
            *(f"{found['score'][name]['value']:.2f}" for name in columns),
            f"{found['fidelity'][OVERALL]['value']:.4f}",
            _range(found["fidelity"][OVERALL], digits=4),
        ]
        for found in shown
    ]
    return _table(["", "score", "95%", *columns, "fidelity", "95%"], rows)


def _differences(results: Json) -> str:
    rows = [
        [
            f"{_short(found['better'])} - {_short(found['than'])}",
            _signed(found[OVERALL]["score"]),
            _signed(found[COMBINATIONS]["score"]) if COMBINATIONS in found else "",
            _signed(found[OVERALL]["fidelity"], digits=4),
        ]
        for found in results["differences"]
    ]
    return _table(["", "score", "score on combinations", "fidelity"], rows)


def _by_family(results: Json, better: str, than: str) -> str:
    found = next(one for one in results["differences"] if (one["better"], one["than"]) == (better, than))
    names = [name for name in results["counts"] if name in found]
    rows = [
        ["score", *(_signed(found[name]["score"]) for name in names)],
        ["fidelity", *(_signed(found[name]["fidelity"], digits=4) for name in names)],
    ]
    return _table(["", *names], rows)


def _changes(results: Json) -> str:
    return "\n".join(
        f"- Turn {one['from']} to {one['to']}: {one['fixed']} pictures put right, {one['broken']} broken."
        for one in results["changes"]
    )


def _choice(choice: Json) -> str:
    right = choice["right_one_chosen"]
    told = f"{right['value']:.2f} ({_range(right)})" if right else "none"
    return (
        f"Best of 2: the model reflects on two first turns and takes the one in which it names fewer flaws "
        f"(so decided: {choice['decided_by_flaws']} of {choice['pairs']}), else the one of which it finds "
        f'"Nothing is wrong" likelier. Of {choice["only_one_right"]} pairs of which one was right, it took '
        f"that one in this share: {told}. A perfect choice would score "
        f"{choice['either_right']['value'] if choice['either_right'] else 0:.3f}."
    )


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
                _short(name),
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


def _costs(results: Json) -> str:
    rows = [
        [
            found["title"],
            f"{found['cost']['evaluations']:.0f}",
            f"{found['cost']['tokens']:.0f}",
            f"{found['cost']['seconds']:.2f}",
        ]
        for found in results["conditions"]
    ]
    return _table(["", "evaluations", "tokens written", "seconds"], rows)


def _short(name: str) -> str:
    return title(name).partition(":")[0]


def _range(interval: Json, digits: int = 3) -> str:
    return f"{interval['low']:.{digits}f} to {interval['high']:.{digits}f}"


def _signed(interval: Json, digits: int = 3) -> str:
    text = (
        f"{interval['value']:+.{digits}f} ({interval['low']:+.{digits}f} to {interval['high']:+.{digits}f})"
    )
    return f"**{text}**" if interval["low"] > 0 or interval["high"] < 0 else text


def _valued(found: Json | None) -> str:
    return f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})" if found else "-"


def _table(head: Seq[str], rows: Iterable[Seq[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
