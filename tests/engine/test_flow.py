from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch

from irg.core import Document, Grid, Kind, Packed, SpecialTokens, pack
from irg.engine import (
    Canvas,
    Context,
    Guidance,
    Renorm,
    Step,
    append,
    denoise,
    new_context,
    shifted_schedule,
)
from irg.model import PaddedAttend, UnifiedModel
from irg.model.attention import Attend
from tests.samples import READABLE, Sampler

OFF = Guidance(1.0, 1.0)
GRIDS = (Grid(2, 3), Grid(1, 1), Grid(3, 2))


def context(model: UnifiedModel, special: SpecialTokens, seed: int, rows: tuple[int, ...]) -> Context:
    """Documents of a seed; `rows` picks some of them, so that a row can also stand alone."""
    sampler = Sampler(seed, model.config)
    documents = [tuple(sampler.document(READABLE)) for _ in GRIDS]
    return append(model, new_context(model, len(rows)), [documents[row] for row in rows], special)


def canvas(model: UnifiedModel, special: SpecialTokens, rows: tuple[int, ...] = (0, 1, 2)) -> Canvas:
    main, text, image = (context(model, special, seed, rows) for seed in (1, 2, 3))
    return Canvas(main, text, image, tuple(GRIDS[row] for row in rows))


def noises(model: UnifiedModel) -> list[torch.Tensor]:
    sampler = Sampler(7, model.config)
    return [sampler.normal(grid.num_tokens, model.config.latent_values).to(model.dtype) for grid in GRIDS]


@pytest.fixture
def calls(model: UnifiedModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time of every evaluation of the model's velocity."""
    times: list[float] = []
    evaluate = model.velocity

    def counting(packed: Packed, attend: Attend) -> torch.Tensor:
        times.append(packed.timestep_M[0].item())
        return evaluate(packed, attend)

    monkeypatch.setattr(model, "velocity", counting)
    yield times


def test_the_schedule() -> None:
    assert shifted_schedule(5, 1.0) == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert shifted_schedule(3, 3.0) == pytest.approx([1, 0.75, 0])
    points = shifted_schedule(50, 3.0)
    assert len(points) == 50 and points[0] == 1 and points[-1] == 0
    assert all(first > second for first, second in pairwise(points))


def test_schedules_out_of_range() -> None:
    with pytest.raises(ValueError, match="time points of drawing: 1: expected a whole number of at least 2"):
        shifted_schedule(1, 3.0)
    with pytest.raises(ValueError, match="timestep shift 0: expected a number above 0"):
        shifted_schedule(4, 0)
    for points, shift in ((10**12, 3.0), (2.5, 3.0), (4, float("nan")), (4, float("inf"))):
        with pytest.raises(ValueError, match="expected a"):
            shifted_schedule(points, shift)  # pyright: ignore[reportArgumentType]


def test_every_image_needs_a_grid(model: UnifiedModel) -> None:
    with pytest.raises(ValueError, match="1 grids for a context of 2 rows"):
        Canvas(new_context(model, 2), None, None, (Grid(1, 1),))


def test_euler_steps_along_the_velocity(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Against a loop that lays the noisy image out anew behind the whole prompt, without a cache."""
    prompt, noisy = sampler.text(5), sampler.image(Kind.NOISY, 2, 3)
    assert isinstance(noisy.data, torch.Tensor)
    schedule = shifted_schedule(4, 3.0)
    main = append(model, new_context(model), [(prompt,)], special)
    drawing = Canvas(main, None, None, (Grid(2, 3),))
    steps = list(denoise(model, drawing, noisy.data, schedule, OFF, special))
    latents = noisy.data
    for step, (t, t_next) in zip(steps, pairwise(schedule), strict=True):
        packed = pack([Document((prompt, noisy))], special).with_latents(latents, t)
        velocity = model.velocity(packed, PaddedAttend(packed))
        latents = latents - velocity * (t - t_next)
        assert torch.allclose(step.velocity_MV, velocity, rtol=0, atol=1e-5)
        assert torch.allclose(step.latent_MV, latents, rtol=0, atol=1e-5)
        assert (step.t, step.t_next) == (t, t_next)
    assert [step.index for step in steps] == [0, 1, 2]
    assert torch.equal(steps[-1].estimate_MV, steps[-1].latent_MV)


def test_the_estimate_goes_straight_to_time_zero() -> None:
    step = Step(0, 1.0, 0.5, torch.tensor([[2.0]]), torch.tensor([[3.0]]))
    assert step.estimate_MV.item() == 0.5


@pytest.mark.parametrize(
    "guidance",
    [
        OFF,
        Guidance(4.0, 1.0, (0.4, 1.0), Renorm.GLOBAL),
        Guidance(4.0, 2.0, (0.0, 1.0), Renorm.TEXT_CHANNEL),
        Guidance(4.0, 2.0, (0.0, 1.0), Renorm.CHANNEL, 0.5),
        Guidance(1.0, 3.0, (0.0, 1.0), Renorm.NONE),
    ],
    ids=lambda guidance: f"{guidance.text_scale}-{guidance.image_scale}-{guidance.renorm}",
)
def test_images_of_a_batch_are_as_if_drawn_alone(
    guidance: Guidance, double_model: UnifiedModel, special: SpecialTokens
) -> None:
    """Different grids, different contexts."""
    schedule, noise = shifted_schedule(4, 3.0), noises(double_model)
    drawing = canvas(double_model, special)
    *_, together = denoise(double_model, drawing, torch.cat(noise), schedule, guidance, special)
    for row, image in enumerate(together.latent_MV.split([grid.num_tokens for grid in GRIDS])):
        drawing = canvas(double_model, special, rows=(row,))
        *_, alone = denoise(double_model, drawing, noise[row], schedule, guidance, special)
        assert torch.allclose(image, alone.latent_MV, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("text_scale", "image_scale", "per_step"), [(1.0, 1.0, 1), (4.0, 1.0, 2), (1.0, 2.0, 2), (4.0, 2.0, 3)]
)
def test_branches_that_change_nothing_are_not_run(
    text_scale: float,
    image_scale: float,
    per_step: int,
    model: UnifiedModel,
    special: SpecialTokens,
    calls: list[float],
) -> None:
    guidance = Guidance(text_scale, image_scale, (0.0, 1.0))
    schedule = shifted_schedule(4, 3.0)
    list(denoise(model, canvas(model, special), torch.cat(noises(model)), schedule, guidance, special))
    assert len(calls) == 3 * per_step


def test_guidance_is_run_within_its_interval(
    model: UnifiedModel, special: SpecialTokens, calls: list[float]
) -> None:
    """Times 1, 0.75, 0.5, 0.25: lo < t <= hi."""
    guidance = Guidance(4.0, 1.0, (0.25, 0.75))
    schedule = shifted_schedule(5, 1.0)
    noise = torch.cat(noises(model))
    steps = list(denoise(model, canvas(model, special), noise, schedule, guidance, special))
    assert calls == [1, 0.75, 0.75, 0.5, 0.5, 0.25]
    assert [step.evaluations for step in steps] == [1, 2, 2, 1]


def test_an_absent_branch_is_not_missed(
    model: UnifiedModel, special: SpecialTokens, calls: list[float]
) -> None:
    drawing = Canvas(canvas(model, special).main, None, None, GRIDS)
    schedule = shifted_schedule(3, 1.0)
    list(denoise(model, drawing, torch.cat(noises(model)), schedule, Guidance(4.0, 2.0, (0, 1)), special))
    assert len(calls) == 2


def test_drawing_leaves_the_contexts_alone(model: UnifiedModel, special: SpecialTokens) -> None:
    drawing = canvas(model, special)
    before = drawing.main.buffer.pairs.clone()
    schedule = shifted_schedule(3, 1.0)
    list(denoise(model, drawing, torch.cat(noises(model)), schedule, Guidance(interval=(0, 1)), special))
    assert torch.equal(drawing.main.buffer.pairs, before)
