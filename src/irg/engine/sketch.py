"""An image on its way, as a value.

Shape suffixes: N latent tokens, V values of a token, D width.
"""

from dataclasses import dataclass

import torch

from irg.core import Grid
from irg.engine.guidance import Guidance
from irg.engine.saving import EXACT, Known, Saving
from irg.engine.stepping import Stirred
from irg.engine.strand import Strand


@dataclass(frozen=True, eq=False)
class Sketch:
    """An image that is being drawn: what each branch has read, and how far it has come.

    A branch that is absent, or whose scale is 1, would change nothing and is not run.
    """

    main: Strand
    text: Strand | None
    image: Strand | None
    grid: Grid
    schedule: tuple[float, ...]
    guidance: Guidance
    latent_NV: torch.Tensor
    index: int = 0
    """Steps that were taken."""
    velocity_NV: torch.Tensor | None = None
    """Of the last step."""
    evaluations: int = 0
    """How often the model was run for it: at each step once, and once more for each branch that was on."""
    saving: Saving = EXACT
    known: Known = ()
    """What is saved by: nothing where nothing is saved."""
    input_ND: torch.Tensor | None = None
    """Where velocities are used again, what the model would have been given at the last step."""
    change: float = 0.0
    """By how much that has changed since the model was run."""
    stirred: Stirred | None = None
    """Steps that are taken with noise; all others go straight on."""

    def __post_init__(self) -> None:
        if self.stirred is not None and not self.saving.is_exact:
            raise ValueError("steps with noise are evaluated each: expected no saving")
        if len(self.latent_NV) != self.grid.num_tokens:
            raise ValueError(f"{len(self.latent_NV)} latent tokens for a grid of {tuple(self.grid)}")

    @property
    def is_done(self) -> bool:
        return self.index == len(self.schedule) - 1

    @property
    def is_due(self) -> bool:
        """Whether the next step runs the model."""
        if not self.saving.reuse:
            return self.saving.evaluates(self.index)
        return self.index in (0, len(self.schedule) - 2) or self.change >= self.saving.reuse

    @property
    def times(self) -> tuple[float, float]:
        """From when to when the next step goes."""
        return self.schedule[self.index], self.schedule[self.index + 1]

    @property
    def estimate_NV(self) -> torch.Tensor:
        """The finished image's latents as they look from here, for previews."""
        if self.velocity_NV is None:
            raise ValueError("nothing has been drawn yet")
        return self.latent_NV - self.schedule[self.index] * self.velocity_NV

    @property
    def branches(self) -> tuple[tuple[Strand, float, bool], ...]:
        """The branches that the next step runs: strand, scale, and whether it is the text branch."""
        guidance = self.guidance
        if not guidance.is_on(self.times[0]):
            return ()
        both = ((self.text, guidance.text_scale, True), (self.image, guidance.image_scale, False))
        return tuple((strand, scale, is_text) for strand, scale, is_text in both if strand and scale != 1.0)
