"""Options that several commands share, and what they amount to."""

import math
import re
import textwrap
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

if TYPE_CHECKING:
    from irg.pipeline import Pipeline, Plan, Settings
    from irg.pipeline.load import NamedCheckpoint

_MODEL, _DRAWING, _OUTPUT = "Model", "Drawing", "Output"


DtypeName = Literal["float32", "bfloat16"]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="FOLDER|HUB_ID",
        help="A checkpoint folder or a hub id (ByteDance-Seed/BAGEL-7B-MoT). Default: the embedded model.",
        show_default=False,
        rich_help_panel=_MODEL,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="cpu, cuda, cuda:1, mps, ... Default: a GPU if there is one.",
        show_default=False,
        rich_help_panel=_MODEL,
    ),
]
Dtype = Annotated[
    DtypeName | None,
    typer.Option(
        help="Arithmetic. Default: bfloat16 on a GPU, float32 on a CPU.",
        show_default=False,
        rich_help_panel=_MODEL,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0,
        max=2**32 - 1,
        metavar="N",
        help="The same seed draws the same pictures.",
        rich_help_panel=_DRAWING,
    ),
]
Pixels = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="In pixels. Default: the checkpoint's.",
        show_default=False,
        rich_help_panel=_DRAWING,
    ),
]
Points = Annotated[
    int | None,
    typer.Option(
        min=2,
        max=1000,
        metavar="N",
        help="Time points of drawing; N points are N - 1 steps. Default: the checkpoint's.",
        show_default=False,
        rich_help_panel=_DRAWING,
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="T",
        help="Of the thoughts' words; 0 always takes the likeliest. Default: the checkpoint's.",
        show_default=False,
        rich_help_panel=_DRAWING,
    ),
]
MaxThoughtTokens = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Longest thought, in tokens. Default: the checkpoint's.",
        show_default=False,
        rich_help_panel=_DRAWING,
    ),
]
PreviewEvery = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="K",
        help="Write a preview into OUT/previews every K steps while an image is drawn (0: none).",
        rich_help_panel=_OUTPUT,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Folder to write to. Default: runs/<prompt>-<seed>. An episode that is there is replaced.",
        show_default=False,
        rich_help_panel=_OUTPUT,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say only where the result is.", rich_help_panel=_OUTPUT)
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print the result as JSON; progress goes to stderr.", rich_help_panel=_OUTPUT
    ),
]


@dataclass(frozen=True)
class ModelChoice:
    """Which model to run, where, and in which precision, as asked for on the command line."""

    name: str | None
    device: str | None = None
    precision: DtypeName | None = None

    @cached_property
    def checkpoint(self) -> "NamedCheckpoint":
        import torch

        from irg.pipeline.load import NamedCheckpoint

        dtype = getattr(torch, self.precision) if self.precision else None
        return NamedCheckpoint(self.name, self.device, dtype)

    def settings(self) -> "Settings":
        """The checkpoint's settings, which are small and tell much before the weights are loaded."""
        return self.checkpoint.settings

    def check(self, plan: "Plan") -> None:
        """Raise ValueError for a device or a picture size that loading the weights would only delay."""
        plan.grid(self.checkpoint.folder.config)
        self._check_device()

    def load(self, console: Console) -> "Pipeline":
        self._check_device()
        with console.status(f"loading {self.name or 'the embedded model'} ..."):
            return self.checkpoint.load()

    def _check_device(self) -> None:
        import torch

        if self.device is None:
            return
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError, NotImplementedError) as unusable:
            reason = textwrap.shorten(str(unusable).strip().splitlines()[0], 120, placeholder=" ...")
            raise ValueError(f"device {self.device!r} cannot be used here: {reason}") from unusable
        if device.type == "meta":
            raise ValueError("device 'meta' holds no numbers, so it draws nothing")


@dataclass(frozen=True)
class Overrides:
    """What the command line changes of a checkpoint's usual plan; None leaves it."""

    points: int | None = None
    temperature: float | None = None
    max_thought_tokens: int | None = None
    preview_every: int = 0
    think: bool | None = None

    def apply(self, plan: "Plan") -> "Plan":
        turns, text = plan.turns, plan.text
        if self.think is not None:
            turns = tuple(replace(turn, think=self.think) for turn in turns)
        if self.points is not None:
            turns = tuple(replace(turn, num_points=self.points) for turn in turns)
        if self.temperature is not None:
            if not math.isfinite(self.temperature):
                raise ValueError(f"temperature {self.temperature}: expected a number")
            text = replace(text, temperature=self.temperature)
        if self.max_thought_tokens is not None:
            text = replace(text, max_tokens=self.max_thought_tokens)
        return replace(plan, turns=turns, text=text, preview_every=self.preview_every)


def default_folder(text: str, seed: int) -> Path:
    """runs/two-red-circles-0"""
    slug = re.sub(r"[^\w]+", "-", text.lower()).strip("-_")[:48].rstrip("-_")
    return Path("runs") / f"{slug or 'episode'}-{seed}"


def check_text(text: str, name: str) -> str:
    """The text if it says something. Raises ValueError naming what is empty or no text."""
    if not text.strip():
        raise ValueError(f"the {name} is empty")
    try:
        text.encode()
    except UnicodeEncodeError as broken:
        raise ValueError(f"the {name} is not valid UTF-8 text") from broken
    return text
