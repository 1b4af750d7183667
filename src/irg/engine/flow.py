"""Drawing: Euler steps of the rectified flow from noise to latents, under guidance.

Shape suffixes: M latent tokens of all images of the batch, V values of a token.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch

from irg.core import Document, Grid, Kind, Role, Segment, SpecialTokens, pack
from irg.core.values import check_number
from irg.engine.context import Context
from irg.engine.guidance import Branch, Guidance, guide
from irg.model import PaddedAttend, UnifiedModel

MOST_POINTS = 1000


def shifted_schedule(num_points: int, shift: float) -> list[float]:
    """Times from 1 to 0: evenly spaced points t, each moved to s t / (1 + (s - 1) t).

    N points make N - 1 evaluations of the model, as in the reference.
    """
    check_schedule(num_points, shift)
    even = torch.linspace(1, 0, num_points)
    return (shift * even / (1 + (shift - 1) * even)).tolist()


def check_schedule(num_points: int, shift: float) -> None:
    """Raise ValueError for what makes no schedule."""
    check_number("time points of drawing:", num_points, 2, MOST_POINTS, whole=True)
    check_number("timestep shift", shift, above=0)


@dataclass(frozen=True, eq=False)
class Canvas:
    """What images are drawn into: the main context, those of the guidance branches, and the images' grids."""

    main: Context
    text: Context | None
    image: Context | None
    grids: tuple[Grid, ...]

    def __post_init__(self) -> None:
        if len(self.grids) != self.main.num_rows:
            raise ValueError(f"{len(self.grids)} grids for a context of {self.main.num_rows} rows")


@dataclass(frozen=True, eq=False)
class Step:
    """One finished denoising step: the latents at time `t_next`, and the velocity that led there."""

    index: int
    t: float
    t_next: float
    latent_MV: torch.Tensor
    velocity_MV: torch.Tensor
    evaluations: int = 1
    """How often the model was run for it: once, and once more for each guidance branch that was on."""

    @property
    def estimate_MV(self) -> torch.Tensor:
        """The finished image's latents as they look from here, for previews."""
        return self.latent_MV - self.t_next * self.velocity_MV


def denoise(
    model: UnifiedModel,
    canvas: Canvas,
    noise_MV: torch.Tensor,
    schedule: list[float],
    guidance: Guidance,
    special: SpecialTokens,
) -> Iterator[Step]:
    """Draw one image per row, yielding after each step. Branches that would change nothing are not run."""
    latent_MV = noise_MV.to(model.device)
    counts = torch.tensor([grid.num_tokens for grid in canvas.grids], device=model.device)
    image_M = torch.arange(len(canvas.grids), device=model.device).repeat_interleave(counts)
    main = _View(model, canvas.main, canvas.grids, special)
    views = [
        (_View(model, context, canvas.grids, special), scale, is_text)
        for context, scale, is_text in (
            (canvas.text, guidance.text_scale, True),
            (canvas.image, guidance.image_scale, False),
        )
        if context is not None and scale != 1.0
    ]
    for index, (t, t_next) in enumerate(pairwise(schedule)):
        velocity_MV = main.velocity(latent_MV, t)
        guided = bool(views) and guidance.is_on(t)
        if guided:
            branches = [
                Branch(lambda view=view: view.velocity(latent_MV, t), scale, is_text)  # noqa: B023 - called at once
                for view, scale, is_text in views
            ]
            velocity_MV = guide(velocity_MV, branches, guidance, image_M)
        latent_MV = latent_MV - velocity_MV * (t - t_next)
        yield Step(index, t, t_next, latent_MV, velocity_MV, 1 + len(views) * guided)


class _View:
    """The images being drawn, as one branch's contexts see them: laid out once, evaluated at every step."""

    def __init__(
        self, model: UnifiedModel, context: Context, grids: tuple[Grid, ...], special: SpecialTokens
    ) -> None:
        values = model.config.latent_values
        documents = [
            Document((Segment(Kind.NOISY, Role.IMAGE, torch.empty(grid.num_tokens, values), grid=grid),))
            for grid in grids
        ]
        self.model = model
        self.packed = pack(documents, special, context.positions).to(model.device)
        self.attend = PaddedAttend(self.packed, context.reader())

    def velocity(self, latent_MV: torch.Tensor, timestep: float) -> torch.Tensor:
        velocity_MV = self.model.velocity(self.packed.with_latents(latent_MV, timestep), self.attend)
        return velocity_MV.to(latent_MV.dtype)
