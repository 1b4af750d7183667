"""Episodes that were played: what was read, written and drawn in them, and what it was worth.

Shape suffixes: L tokens of a text and its end, N latent tokens of an image, V values of a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch

from irg.core import Grid, Segment
from irg.core.trace import Trace
from irg.engine import StepTaken
from irg.rl.prompts import AskedPicture


@dataclass(frozen=True, eq=False)
class WrittenText:
    """A reflection as it was sampled."""

    turn: int
    log_L: torch.Tensor
    """How likely each of its tokens was, and its end, at the temperature of sampling."""
    is_cut: bool
    """The length cap ended it: its end is not its own."""
    is_own: bool
    """It is read as it was sampled: decoding and encoding gives its tokens back."""
    is_valid: bool
    """It came to its end, and says what such a text says."""


@dataclass(frozen=True, eq=False)
class DrawnImage:
    """A picture of a later turn, as it was drawn."""

    turn: int
    grid: Grid
    latent_NV: torch.Tensor
    steps: tuple[StepTaken, ...] = ()
    """Those that had noise."""


@dataclass(frozen=True, eq=False)
class Sibling:
    """One way to go on from a shared first picture."""

    history: tuple[Segment, ...]
    """All that was read, in order, the last reflection included."""
    texts: tuple[WrittenText, ...]
    images: tuple[DrawnImage, ...]
    grades: tuple[float, ...]
    """Of all pictures, the shared one first."""
    is_done: bool
    """The last reflection found nothing to change."""
    trace: Trace

    @property
    def is_valid(self) -> bool:
        return all(text.is_valid for text in self.texts)

    @property
    def is_repaired(self) -> bool | None:
        """Whether what was wrong first is right in the end; None where it was right."""
        return self.grades[-1] >= 1 if self.grades[0] < 1 else None

    @property
    def is_damaged(self) -> bool | None:
        """Whether what was right first is wrong in the end; None where it was wrong."""
        return self.grades[-1] < 1 if self.grades[0] >= 1 else None

    @property
    def is_changed(self) -> bool:
        return any(before != after for before, after in pairwise(self.grades))


@dataclass(frozen=True, eq=False)
class SiblingGroup:
    """Siblings, and the slot of the step that they were played for."""

    slot: int
    asked: AskedPicture
    siblings: tuple[Sibling, ...]


@dataclass(frozen=True, eq=False)
class PlayedStep:
    """What a process played for a step."""

    groups: tuple[SiblingGroup, ...]
    counts: Mapping[str, float]
    """Sums, to be added up over processes: first pictures and how many were right, pictures without a
    grade."""
