"""Classifier-free guidance as a fold over branches, with the reference's renormalisations.

Shape suffixes: M latent tokens of all images of the batch, V values of a token, N tokens of one image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import torch

from irg.core.values import check_number, chosen

EPSILON = 1e-8


class Renorm(StrEnum):
    """What is scaled back to the length it had before guidance.

    `global` the whole image, `channel` each token, both after all branches; `text_channel` each token, right
    after the text branch and before the image branch.
    """

    NONE = "none"
    GLOBAL = "global"
    CHANNEL = "channel"
    TEXT_CHANNEL = "text_channel"


@dataclass(frozen=True)
class Guidance:
    """A scale per branch (1 is off), the times lo < t <= hi at which guidance is on, and the renorm. Raises
    ValueError for what is none of these."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # it stands in settings as it is

    text_scale: float = 4.0
    """How far to push away from what would be drawn without the newest text."""
    image_scale: float = 1.0
    """How far to push away from what would be drawn without the images."""
    interval: tuple[float, float] = (0.4, 1.0)
    """Times between 0, the image, and 1, the noise."""
    renorm: Renorm = Renorm.GLOBAL
    renorm_min: float = 0.0
    """To no less than this share of its length is anything scaled."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "renorm", chosen("renorm", self.renorm, Renorm))
        check_number("text scale of guidance", self.text_scale)
        check_number("image scale of guidance", self.image_scale)
        check_number("renorm_min", self.renorm_min, 0, 1)
        try:
            low, high = self.interval
            is_fine = 0 <= low <= high <= 1
        except (TypeError, ValueError):
            is_fine = False
        if not is_fine:
            raise ValueError(f"guidance interval {self.interval}: expected 0 <= low <= high <= 1")
        object.__setattr__(self, "interval", tuple(self.interval))

    def is_on(self, timestep: float) -> bool:
        """Whether there is guidance at this time."""
        return self.interval[0] < timestep <= self.interval[1]


@dataclass(frozen=True, eq=False)
class Branch:
    """One guidance branch: its velocity, and how far to push away from it."""

    velocity_MV: torch.Tensor
    scale: float
    is_text: bool


def guide(
    velocity_MV: torch.Tensor, branches: Sequence[Branch], guidance: Guidance, sizes: Sequence[int]
) -> torch.Tensor:
    """Fold the branches over the main velocity: v <- v_branch + scale (v - v_branch), in order.

    `sizes` are the tokens of each image, so that `global` renormalises every image of a batch by itself.
    """
    guided_MV = velocity_MV
    for branch in branches:
        guided_MV = branch.velocity_MV + branch.scale * (guided_MV - branch.velocity_MV)
        if branch.is_text and guidance.renorm is Renorm.TEXT_CHANNEL:
            guided_MV = _shrunk(guided_MV, _token_norm(velocity_MV), _token_norm(guided_MV), guidance)
    if guidance.renorm is Renorm.CHANNEL:
        guided_MV = _shrunk(guided_MV, _token_norm(velocity_MV), _token_norm(guided_MV), guidance)
    elif guidance.renorm is Renorm.GLOBAL:
        wanted, got = _image_norm(velocity_MV, sizes), _image_norm(guided_MV, sizes)
        guided_MV = _shrunk(guided_MV, wanted, got, guidance)
    return guided_MV


def _shrunk(
    guided_MV: torch.Tensor, wanted: torch.Tensor, got: torch.Tensor, guidance: Guidance
) -> torch.Tensor:
    return guided_MV * (wanted / (got + EPSILON)).clamp(min=guidance.renorm_min, max=1.0)


def _token_norm(velocity_MV: torch.Tensor) -> torch.Tensor:
    return velocity_MV.norm(dim=-1, keepdim=True)


def _image_norm(velocity_MV: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """[M, 1]: the norm of the whole image that each token belongs to."""
    images = velocity_MV.square().sum(dim=-1, keepdim=True).split(list(sizes))
    return torch.cat([image_N1.sum().sqrt().expand_as(image_N1) for image_N1 in images])
