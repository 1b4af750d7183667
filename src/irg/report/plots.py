"""The style of plots. They need matplotlib, which comes with the extras `train` and `bench`."""

from pathlib import Path
from typing import Any

from irg.core.files import fresh

COLOURS = (
    "#b9b2a6",
    "#7a6ff0",
    "#e0972f",
    "#2f8f5b",
    "#c8503c",
    "#2b7bb9",
    "#a0522d",
    "#c264a8",
    "#5b8c2a",
    "#444b6e",
)

_MAKER = "irg plot"
_MARKED = ("png", "svg", "pdf")
"""Kinds of files that can say who made them."""


def pyplot() -> Any:
    """Matplotlib's `pyplot`, which opens no windows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def bare(axis: Any) -> None:
    """Take away the frame, but for the two axes."""
    axis.spines[["top", "right"]].set_visible(False)


def save(figure: Any, path: Path) -> Path:
    """Write the figure, of the kind that the file's name says, in place of what was there, and close it."""
    kind = path.suffix.removeprefix(".") or "png"
    about = {"Software" if kind == "png" else "Creator": _MAKER} if kind in _MARKED else None
    try:
        with fresh(path) as partial:
            figure.savefig(partial, dpi=110, format=kind, metadata=about)
    finally:
        pyplot().close(figure)
    return path


def refuse_to_replace(path: Path) -> None:
    """Raises ValueError where the file is none of our plots, or could not be written."""
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{path}: expected the name of a file, in a folder that is there")
    if path.exists() and _MAKER.encode() not in path.read_bytes():
        raise ValueError(
            f"{path} is no plot that irg made: it is not replaced; choose another name with --out"
        )
