"""What a generation streams, in the order in which it happens."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from PIL import Image

if TYPE_CHECKING:
    from irg.core.trace import Trace


@dataclass(frozen=True)
class ThoughtDelta:
    """Some more text of the thought of a turn."""

    turn: int
    text: str


@dataclass(frozen=True)
class ThoughtDone:
    """A whole thought. `capped` says that the length cap ended it, `reencoded` that its tokens had to be read
    again because decoding and encoding it did not give them back."""

    turn: int
    text: str
    num_tokens: int
    capped: bool
    reencoded: bool


@dataclass(frozen=True, eq=False)
class DenoisingStep:
    """One of `total` steps of the image of a turn, `index` counting from 1: its latent tokens [N, V] now, and
    the image as it looks from here, if previews were asked for."""

    turn: int
    index: int
    total: int
    latents: torch.Tensor
    preview: Image.Image | None


@dataclass(frozen=True, eq=False)
class ImageDone:
    """The finished image of a turn, and the latent tokens [N, V] it was decoded from. `kept` says that the
    thought of this turn ended the episode: it is the image of the turn before."""

    turn: int
    image: Image.Image
    latents: torch.Tensor
    kept: bool = False


@dataclass(frozen=True, eq=False)
class Done:
    """The end of an episode, with all of it."""

    trace: "Trace"


Event = ThoughtDelta | ThoughtDone | DenoisingStep | ImageDone | Done


def trace_of(events: Iterable[Event]) -> "Trace":
    """Run an episode to its end: the trace that its last event holds. Raises ValueError where none does, as
    of the events of an answer."""
    *_, last = events
    if not isinstance(last, Done):
        raise ValueError(f"the last event is {type(last).__name__}: expected Done, as of an episode")
    return last.trace
