"""Steps with noise: by the numbers of the papers, by what they must leave alone, and drawn as replayed."""

from dataclasses import replace
from itertools import pairwise
from math import sqrt

import pytest
import torch

from irg.core import SpecialTokens
from irg.engine import Sampler, Saving, Sketch, Stepping, StepTaken, Stirred, denoise, shifted_schedule
from irg.model import UnifiedModel
from tests.engine.test_flow import sketches

STEPS = list(pairwise(shifted_schedule(9, 3.0)))
NOISY = (Sampler(Stepping.FLOW_SDE, 0.7), Sampler(Stepping.CPS, 0.8))


def taken(sampler: Sampler, velocity: torch.Tensor, t: float = 0.75, t_next: float = 0.6) -> StepTaken:
    latent, noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    return StepTaken(t, t_next, latent, sampler.step(latent, velocity, (t, t_next), noise))


@pytest.mark.parametrize("sampler", [Sampler(Stepping.EULER), Sampler(Stepping.FLOW_SDE, 0.0)])
def test_a_step_without_noise_is_eulers(sampler: Sampler) -> None:
    for t, t_next in STEPS:
        assert sampler.moments(t, t_next) == (1.0, t_next - t, 0.0)


@pytest.mark.parametrize("sampler", NOISY)
def test_the_last_step_is_straight(sampler: Sampler) -> None:
    assert sampler.moments(0.3, 0.0) == (1.0, -0.3, 0.0)


def test_flow_sde_is_as_noisy_as_published() -> None:
    """At 9 points and shift 3, with 1 - t no less than 0.05."""
    scales = [Sampler(noise=1.0).moments(*step).spread / sqrt(step[0] - step[1]) for step in STEPS[:-1]]
    assert scales == pytest.approx([4.47, 4.37, 3.0, 2.24, 1.73, 1.34, 1.0], abs=5e-3)
    spreads = [Sampler(noise=0.7).moments(*step).spread for step in STEPS[:-1]]
    assert spreads == pytest.approx([0.67, 0.71, 0.54, 0.45, 0.40, 0.35, 0.31], abs=8e-3)


@pytest.mark.parametrize("deviation", [0.2, 1.0, 3.0])
def test_flow_sde_leaves_the_marginals_alone(deviation: float) -> None:
    """Of normal data the exact velocity is linear, so variances go from step to step without sampling."""

    def marginal(t: float) -> float:
        return (1 - t) ** 2 * deviation**2 + t**2

    def error(num_steps: int) -> float:
        variance, worst = 1.0, 0.0
        for t, t_next in pairwise(torch.linspace(1, 0.01, num_steps + 1, dtype=torch.double).tolist()):
            slope = (t - (1 - t) * deviation**2) / marginal(t)
            moments = Sampler(noise=0.7).moments(t, t_next)
            variance = (moments.keep + moments.move * slope) ** 2 * variance + moments.spread**2
            worst = max(worst, abs(variance / marginal(t_next) - 1))
        return worst

    assert error(16000) < 0.01 and error(16000) < error(2000) / 4


@pytest.mark.parametrize("noise", [0.3, 0.8, 1.0])
def test_cps_keeps_as_much_noise_as_the_time_says(noise: float) -> None:
    """Where all data are one point, at steps of any size."""
    variance = 1.0
    for t, t_next in STEPS[:-1]:
        moments = Sampler(Stepping.CPS, noise).moments(t, t_next)
        variance = (moments.keep + moments.move / t) ** 2 * variance + moments.spread**2
        assert variance == pytest.approx(t_next**2)


@pytest.mark.parametrize("sampler", NOISY)
def test_how_likely_a_step_was_is_a_distance_from_one_velocity(sampler: Sampler) -> None:
    velocity, other = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2))
    step = taken(sampler, velocity)
    best = sampler.target(step)
    assert torch.allclose(sampler.mean(step.latent_NV, best, step.t, step.t_next), step.after_NV, atol=1e-6)
    for one in (velocity, other):
        lost = sampler.likelihood(best, step) - sampler.likelihood(one, step)
        expected = sampler.precision(step) * (one - best).square().mean()
        assert lost.item() == pytest.approx(expected.item(), rel=1e-4)


def test_how_likely_a_step_was_is_the_normal_density() -> None:
    sampler, velocity = NOISY[0], torch.randn(3, 4, generator=torch.Generator().manual_seed(2))
    step = taken(sampler, velocity)
    mean, spread = (
        sampler.mean(step.latent_NV, velocity, step.t, step.t_next),
        sampler.moments(0.75, 0.6).spread,
    )
    expected = torch.distributions.Normal(mean, spread).log_prob(step.after_NV).mean()
    assert torch.allclose(sampler.likelihood(velocity, step), expected)


def test_a_straight_step_is_not_likely_or_unlikely() -> None:
    with pytest.raises(ValueError, match=r"from 0.75 to 0.6 had no noise"):
        Sampler(Stepping.EULER).likelihood(torch.zeros(3, 4), taken(Sampler(noise=0.0), torch.zeros(3, 4)))


@pytest.mark.parametrize(("kind", "noise"), [("cps", 1.1), ("flow_sde", -0.1), ("heun", 0.5)])
def test_samplers_out_of_range(kind: str, noise: float) -> None:
    with pytest.raises(ValueError, match="sampler"):
        Sampler(Stepping(kind) if kind in list(Stepping) else kind, noise)  # type: ignore[arg-type]


@pytest.mark.parametrize("sampler", NOISY)
def test_drawing_takes_the_steps_that_are_replayed(
    model: UnifiedModel, special: SpecialTokens, sampler: Sampler
) -> None:
    """Within the window the sampler's own steps, by the velocity of then; outside of it Euler's."""
    schedule = shifted_schedule(6, 3.0)
    blank = sketches(model, special, schedule)
    noises = [torch.randn(2, *sketch.latent_NV.shape) for sketch in blank]
    stirred = [_with(sketch, Stirred(sampler, 1, noise)) for sketch, noise in zip(blank, noises, strict=True)]
    course = [tuple(stirred), *denoise(model, stirred, special)]
    for place, noise in enumerate(noises):
        for index, (before, after) in enumerate(pairwise(sketch[place] for sketch in course)):
            assert after.velocity_NV is not None
            straight = before.latent_NV - after.velocity_NV * (schedule[index] - schedule[index + 1])
            if index not in (1, 2):
                assert torch.equal(after.latent_NV, straight)
                continue
            replayed = sampler.step(before.latent_NV, after.velocity_NV, before.times, noise[index - 1])
            assert torch.equal(after.latent_NV, replayed) and not torch.allclose(replayed, straight)
            step = StepTaken(*before.times, before.latent_NV, after.latent_NV)
            spread = sampler.moments(*before.times).spread
            expected = -(noise[index - 1] * spread).square().mean()
            if sampler.kind is Stepping.CPS:
                assert sampler.likelihood(after.velocity_NV, step) == pytest.approx(expected.item(), rel=1e-4)


def test_noise_and_saving_do_not_go_together(model: UnifiedModel, special: SpecialTokens) -> None:
    sketch = sketches(model, special, shifted_schedule(4, 1.0))[0]
    with pytest.raises(ValueError, match="expected no saving"):
        _with(sketch, Stirred(NOISY[0], 0, torch.zeros(1, *sketch.latent_NV.shape)), Saving(2))


def _with(sketch: Sketch, stirred: Stirred, saving: Saving | None = None) -> Sketch:
    return replace(sketch, stirred=stirred, saving=saving or sketch.saving)
