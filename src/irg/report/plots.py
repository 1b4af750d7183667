"""The style of plots. They need matplotlib, which comes with the extras `train` and `bench`."""

from pathlib import Path
from typing import Any

from irg.core.files import put_in_place

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
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, dpi=110, format=path.suffix.removeprefix(".") or "png")
    pyplot().close(figure)
    put_in_place(partial, path)
    return path
