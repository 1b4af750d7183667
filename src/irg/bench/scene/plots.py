"""Plots of the comparison. They need matplotlib, which comes with the extra `bench`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from irg.bench.scene.conditions import Condition, turn_name
from irg.bench.scene.results import OVERALL
from irg.report import plots

Json = dict[str, Any]
_COLOUR_OF = {
    str(Condition.BASE): plots.COLOURS[0],
    str(Condition.DIRECT): plots.COLOURS[1],
    turn_name(1): plots.COLOURS[2],
    turn_name(2): plots.COLOURS[3],
}
"""Of what several plots show, which shall look the same in all of them."""
_MEASURES = ("score", "fidelity")


def draw_plots(results: Json, folder: Path) -> list[Path]:
    """Write `scene_turns.png`, `scene_families.png`, and `scene_training.png` if there is a curve."""
    drawn = [
        _draw_turns(results, folder / "scene_turns.png"),
        _draw_families(results, folder / "scene_families.png"),
    ]
    if results["curve"]:
        drawn.append(_draw_training(results, folder / "scene_training.png"))
    return drawn


def _draw_turns(results: Json, path: Path) -> Path:
    """Score and fidelity against turns, drawing at once as turn 0; the alternatives and the base beside them.

    Solid over all pictures, dashed over those that have every turn.
    """
    figure, axes = plots.pyplot().subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    turns = _turns(results)
    whole = [found for found in turns if found["count"] == turns[0]["count"]]
    for axis, measure in zip(axes, _MEASURES, strict=True):
        shown = [found[measure][OVERALL] for found in whole]
        style = {"color": plots.COLOURS[1], "label": f"n = {turns[0]['count']}"}
        _points(axis, range(len(whole)), shown, capsize=4, **style)
        if len(whole) < len(turns):
            places = [turn + 0.06 for turn in range(len(turns))]
            shown = [found["few"][measure][OVERALL] for found in turns]
            style = {"color": plots.COLOURS[0], "label": f"n = {results['counts_of_few'][OVERALL]}"}
            _points(axis, places, shown, markersize=3, linestyle="--", linewidth=1, capsize=2, **style)
        _mark_alternatives(axis, results, measure)
        axis.set(xlabel="turn (0: drawn at once)", ylabel=measure, xticks=range(len(turns)))
        _plain(axis)
    axes[0].set_ylim(0, 1.02)
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, frameon=False, fontsize=8, ncols=3, loc="outside upper center")
    return plots.save(figure, path)


def _mark_alternatives(axis: Any, results: Json, measure: str) -> None:
    """What else the compute could buy beside turn 2, and the base beside turn 0."""
    beside = {
        Condition.BASE: -0.12,
        Condition.BEST_OF_2: 2.15,
        Condition.TWICE_STEPS: 2.3,
        Condition.GUIDED: 2.45,
    }
    by_name = {found["name"]: found for found in results["conditions"]}
    shown = [(by_name[name], place) for name, place in beside.items() if name in by_name]
    for number, (found, place) in enumerate(shown, start=2):
        style = {"color": plots.COLOURS[number], "label": found["title"]}
        _points(axis, [place], [found[measure][OVERALL]], marker="s", capsize=4, linestyle="none", **style)


def _draw_training(results: Json, path: Path) -> Path:
    """Score, fidelity and the rightness of reflections against training steps."""
    figure, axes = plots.pyplot().subplots(1, 3, figsize=(14, 4), constrained_layout=True)
    points = results["curve"]
    steps = [point["step"] for point in points]
    reflections = [point["reflections"]["all"] for point in points]
    for axis, measure in zip(axes[:2], _MEASURES, strict=True):
        for name in points[0]["conditions"]:
            found = [point["conditions"][name][measure] for point in points]
            label = "drawn at once" if name == Condition.DIRECT else name.replace("turn", "turn ")
            _points(axis, steps, found, color=_COLOUR_OF[name], label=label)
        axis.set(xlabel="training steps", ylabel=measure)
    for share, colour in zip(("precision", "recall"), plots.COLOURS[4:6], strict=True):
        known = [(step, found) for step, found in zip(steps, reflections, strict=True) if found[share]]
        places, shown = [step for step, _ in known], [found[share] for _, found in known]
        _points(axes[2], places, shown, color=colour, label=share)
    axes[2].set(xlabel="training steps", ylabel="reflections of turn 2")
    for axis in axes:
        _plain(axis)
    for axis in (axes[0], axes[2]):
        axis.set_ylim(0, 1.02)
        axis.legend(frameon=False, fontsize=8)
    return plots.save(figure, path)


def _draw_families(results: Json, path: Path) -> Path:
    """Scores by family for the base, for drawing at once and for the first two turns, with intervals."""
    groups = list(results["counts"])
    shown = [found for found in results["conditions"] if found["name"] in _COLOUR_OF]
    figure, axis = plots.pyplot().subplots(figsize=(11, 4), constrained_layout=True)
    width = 0.84 / len(shown)
    for number, condition in enumerate(shown):
        places = [group + (number - (len(shown) - 1) / 2) * width for group in range(len(groups))]
        values, errors = _with_errors([condition["score"][group] for group in groups])
        axis.bar(
            places,
            values,
            width * 0.92,
            yerr=errors,
            capsize=2,
            color=_COLOUR_OF[condition["name"]],
            ecolor="0.35",
            error_kw={"linewidth": 0.8},
            label=condition["title"],
        )
    axis.set(ylabel="score", ylim=(0, 1.02), xticks=range(len(groups)), xticklabels=groups)
    plots.bare(axis)
    axis.legend(frameon=False, fontsize=8, ncols=len(shown), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return plots.save(figure, path)


def _turns(results: Json) -> list[Json]:
    names = [str(Condition.DIRECT), *map(turn_name, range(1, results["turns"] + 1))]
    return [found for found in results["conditions"] if found["name"] in names]


def _plain(axis: Any) -> None:
    plots.bare(axis)
    axis.grid(axis="y", color="0.92")


def _points(axis: Any, places: Sequence[float], found: Sequence[Json], **style: Any) -> None:
    axis.errorbar(places, *_with_errors(found), **{"marker": "o", "capsize": 3} | style)


def _with_errors(found: Sequence[Json]) -> tuple[list[float], list[list[float]]]:
    """Values, and how far their intervals reach below and above."""
    values = [one["value"] for one in found]
    below = [max(one["value"] - one["low"], 0.0) for one in found]
    return values, [below, [max(one["high"] - one["value"], 0.0) for one in found]]
