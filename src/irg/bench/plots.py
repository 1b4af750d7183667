"""Plots of the comparison. They need matplotlib, which comes with the extra `bench`."""

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

from irg.bench.conditions import Condition, turn_name
from irg.bench.results import OVERALL
from irg.core.files import put_in_place

Json = dict[str, Any]
_COLOURS = ("#b9b2a6", "#7a6ff0", "#e0972f", "#2f8f5b", "#c8503c")


def draw_plots(results: Json, folder: Path) -> list[Path]:
    """Write `scene_turns.png` and `scene_families.png`."""
    return [
        _draw_turns(results, folder / "scene_turns.png"),
        _draw_families(results, folder / "scene_families.png"),
    ]


def _draw_turns(results: Json, path: Path) -> Path:
    """Score and fidelity against turns, the base as turn 0; the equal-compute alternatives beside turn 2."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    shown = _turns(results)
    for axis, measure in zip(axes, ("score", "fidelity"), strict=True):
        found = [one[measure][OVERALL] for one in shown]
        axis.errorbar(range(len(shown)), *_with_errors(found), marker="o", capsize=4, color=_COLOURS[1])
        for place, name in enumerate((Condition.BEST_OF_2, Condition.TWICE_STEPS), start=1):
            other = _named(results, name)[measure][OVERALL]
            axis.errorbar(
                [2 + 0.12 * place],
                *_with_errors([other]),
                marker="s",
                capsize=4,
                color=_COLOURS[place + 1],
                linestyle="none",
                label=_named(results, name)["title"],
            )
        axis.set(xlabel="turn (0: drawn at once)", ylabel=measure, xticks=range(len(shown)))
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="0.92")
    axes[0].set_ylim(0, 1)
    axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    return _save(figure, path)


def _draw_families(results: Json, path: Path) -> Path:
    """Scores by family for the base and the turns, with their intervals."""
    pyplot = _pyplot()
    groups, shown = list(results["counts"]), _turns(results)
    figure, axis = pyplot.subplots(figsize=(11, 4), constrained_layout=True)
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
            color=_COLOURS[number % len(_COLOURS)],
            ecolor="0.35",
            error_kw={"linewidth": 0.8},
            label=condition["title"],
        )
    axis.set(ylabel="score", ylim=(0, 1.02), xticks=range(len(groups)), xticklabels=groups)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8, ncols=len(shown), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return _save(figure, path)


def _turns(results: Json) -> list[Json]:
    names = [str(Condition.BASE), *map(turn_name, range(1, results["turns"] + 1))]
    return [_named(results, name) for name in names]


def _named(results: Json, name: str) -> Json:
    return next(found for found in results["conditions"] if found["name"] == name)


def _with_errors(found: Seq[Json]) -> tuple[list[float], list[list[float]]]:
    """Values, and how far their intervals reach below and above."""
    values = [one["value"] for one in found]
    below = [max(one["value"] - one["low"], 0.0) for one in found]
    return values, [below, [max(one["high"] - one["value"], 0.0) for one in found]]


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> Path:
    partial = path.with_suffix(".partial.png")
    figure.savefig(partial, dpi=110)
    _pyplot().close(figure)
    put_in_place(partial, path)
    return path
