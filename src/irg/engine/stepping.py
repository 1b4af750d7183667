"""How a step of drawing goes on from where it stands: straight, or with fresh noise, as data.

Whoever learns from what was drawn asks the same function again, with the weights of now: where a step leads,
how likely that was where it led, and which velocity would have made it the likeliest.

Shape suffixes: N latent tokens of an image, V values of a token, K noisy steps.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import log, pi, sin, sqrt
from typing import ClassVar, NamedTuple

import torch

from irg.core.values import check_number, chosen

_LEAST_CLEAN = 0.05
"""Of a picture (1 - t), at least, where noise is scaled by it: at t = 1 the scale would be infinite."""


class Stepping(StrEnum):
    """What a step adds to the velocity's way."""

    EULER = "euler"
    """Nothing."""
    FLOW_SDE = "flow_sde"
    """Noise, and as much of the score as keeps what is drawn distributed alike (Flow-GRPO, arXiv
    2505.05470)."""
    CPS = "cps"
    """Noise in the place of as much of the noise that the step would have kept, so that none is left over
    (coefficients-preserving sampling, arXiv 2509.05952)."""


class StepMoments(NamedTuple):
    """Where a step goes: `keep` times the latents and `move` times the velocity, give or take `spread`."""

    keep: float
    move: float
    spread: float


@dataclass(frozen=True)
class Sampler:
    """How steps go, and how noisy: `noise` is 0 for none; Flow-SDE's usual 0.7, CPS goes up to 1."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # recipes say it

    kind: Stepping = Stepping.FLOW_SDE
    noise: float = 0.7

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", chosen("sampler", self.kind, Stepping))
        check_number("noise of a sampler:", self.noise, 0, 1 if self.kind is Stepping.CPS else 10)

    def moments(self, t: float, t_next: float) -> StepMoments:
        """Of a step between these times. One that ends at 0 is straight: noise in a picture would stay."""
        step = t - t_next
        if self.kind is Stepping.EULER or t_next == 0 or not self.noise:
            return StepMoments(1.0, -step, 0.0)
        if self.kind is Stepping.FLOW_SDE:
            variance = self.noise**2 * t / max(1 - t, _LEAST_CLEAN)
            score = variance / (2 * t)
            return StepMoments(1 - score * step, -(1 + score * (1 - t)) * step, sqrt(variance * step))
        spread = t_next * sin(self.noise * pi / 2)
        kept = sqrt(t_next**2 - spread**2)
        return StepMoments(1 - t_next + kept, kept * (1 - t) - (1 - t_next) * t, spread)

    def mean(
        self, latent_NV: torch.Tensor, velocity_NV: torch.Tensor, t: float, t_next: float
    ) -> torch.Tensor:
        """[N, V]: where the step goes without its noise, in float32."""
        moments = self.moments(t, t_next)
        return moments.keep * latent_NV.float() + moments.move * velocity_NV.float()

    def step(
        self,
        latent_NV: torch.Tensor,
        velocity_NV: torch.Tensor,
        times: tuple[float, float],
        noise_NV: torch.Tensor,
    ) -> torch.Tensor:
        """[N, V]: the latents after a step between two times, with this standard normal noise."""
        return self.mean(latent_NV, velocity_NV, *times) + self.moments(*times).spread * noise_NV

    def likelihood(self, velocity_NV: torch.Tensor, taken: "StepTaken") -> torch.Tensor:
        """[]: the log-probability of where a step led, the mean over its values.

        CPS leaves out what its spread adds and divides by: of steps that are compared it is the same. Raises
        ValueError for a step that had no noise.
        """
        error = (
            (taken.after_NV - self.mean(taken.latent_NV, velocity_NV, taken.t, taken.t_next)).square().mean()
        )
        moments = self.moments(taken.t, taken.t_next)
        if not moments.spread:
            raise ValueError(
                f"the step from {taken.t:g} to {taken.t_next:g} had no noise: nothing was likely"
            )
        if self.kind is Stepping.CPS:
            return -error
        return -error / (2 * moments.spread**2) - log(moments.spread) - log(2 * pi) / 2

    def target(self, taken: "StepTaken") -> torch.Tensor:
        """[N, V]: the velocity that makes where the step led the likeliest."""
        moments = self.moments(taken.t, taken.t_next)
        return (taken.after_NV - moments.keep * taken.latent_NV) / moments.move

    def precision(self, taken: "StepTaken") -> float:
        """By how much the log-probability falls with the mean squared distance from the `target`."""
        moments = self.moments(taken.t, taken.t_next)
        return moments.move**2 / (1.0 if self.kind is Stepping.CPS else 2 * moments.spread**2)


@dataclass(frozen=True, eq=False)
class StepTaken:
    """A step that was taken: from which latents to which, and when."""

    t: float
    t_next: float
    latent_NV: torch.Tensor = field(repr=False)
    after_NV: torch.Tensor = field(repr=False)


@dataclass(frozen=True, eq=False)
class Stirred:
    """Some steps of a drawing that are taken with noise: from the step `first` on, as many as there is noise
    [K, N, V] for."""

    sampler: Sampler
    first: int
    noise_KNV: torch.Tensor

    def noise_of(self, index: int) -> torch.Tensor | None:
        """[N, V] of the step of this index; None for one that is straight."""
        place = index - self.first
        return self.noise_KNV[place] if 0 <= place < len(self.noise_KNV) else None
