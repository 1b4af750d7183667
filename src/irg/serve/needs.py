"""What programs need next: to read, look, write or draw. Whoever runs them decides when, and together with
which others."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from irg.core import Segment
from irg.engine import Line, Sketch
from irg.pipeline import TurnPlan
from irg.pipeline.state import State
from irg.serve.history import History, PlanHistory


@dataclass(frozen=True, eq=False)
class ReadNeed:
    """The state reads these segments. A strand that goes to another slot for it asks for `spare` room
    besides."""

    state: State
    segments: tuple[Segment, ...]
    spare: int | None = None


@dataclass(frozen=True, eq=False)
class ShowNeed:
    """The state reads a picture as CLEAN latents, as a VIEW, or as both."""

    state: State
    picture: Image.Image
    clean: bool
    view: bool


@dataclass(frozen=True, eq=False)
class ThinkNeed:
    """The state writes a text, or goes on with one that has been begun."""

    state: State
    line: Line | None = None


@dataclass(frozen=True, eq=False)
class DrawNeed:
    """The state draws a picture, of which there may be a sketch already, with previews after so many
    steps."""

    state: State
    turn_plan: TurnPlan
    previews: frozenset[int] = frozenset()
    sketch: Sketch | None = None


@dataclass(frozen=True, eq=False)
class KeepNeed:
    """Nothing but to tell that the picture which the state has stands for that of its turn."""

    state: State


Need = ReadNeed | ShowNeed | ThinkNeed | DrawNeed | KeepNeed
Program = Generator[Need, State, History | PlanHistory]
"""An episode that says what it needs next, and is given the state that comes of it."""
Begun = TypeVar("Begun")
Part = Generator[Need, State, Begun]
"""A part of a program."""


def previews(num: int, total: int) -> frozenset[int]:
    """So many of so many steps, evenly spaced, none of them the last."""
    return frozenset(round(total * one / (num + 1)) for one in range(1, num + 1)) - {0, total}
