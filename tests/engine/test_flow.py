from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from irg.core import Document, Grid, Kind, SpecialTokens, pack
from irg.engine import (
    EXACT,
    Easel,
    Guidance,
    Renorm,
    Saving,
    Sketch,
    SlotPool,
    Solver,
    Strand,
    append,
    denoise,
    new_strands,
    shifted_schedule,
)
from irg.model import PaddedAttend, UnifiedModel
from irg.model.attention import Attend
from irg.model.rope import Rope
from tests.engine.outlook import held
from tests.samples import READABLE, Sampler

OFF = Guidance(1.0, 1.0)
GRIDS = (Grid(2, 3), Grid(1, 1), Grid(3, 2))


def strands(
    model: UnifiedModel, special: SpecialTokens, seed: int, rows: tuple[int, ...]
) -> tuple[Strand, ...]:
    """Documents of a seed; `rows` picks some of them, so that a row can also stand alone."""
    sampler = Sampler(seed, model.config)
    documents = [tuple(sampler.document(READABLE)) for _ in GRIDS]
    return append(model, new_strands(SlotPool(model), len(rows)), [documents[row] for row in rows], special)


def sketches(
    model: UnifiedModel,
    special: SpecialTokens,
    schedule: tuple[float, ...],
    guidance: Guidance = OFF,
    rows: tuple[int, ...] = (0, 1, 2),
) -> list[Sketch]:
    main, text, image = (strands(model, special, seed, rows) for seed in (1, 2, 3))
    noise = noises(model)
    return [
        Sketch(main[place], text[place], image[place], GRIDS[row], schedule, guidance, noise[row])
        for place, row in enumerate(rows)
    ]


def noises(model: UnifiedModel) -> list[torch.Tensor]:
    sampler = Sampler(7, model.config)
    return [sampler.normal(grid.num_tokens, model.config.latent_values).to(model.dtype) for grid in GRIDS]


@pytest.fixture
def calls(model: UnifiedModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each evaluation of the model's velocity had: two delimiters a row."""
    rows: list[int] = []
    evaluate = model.velocity_of

    def counting(
        streams: tuple[torch.Tensor, torch.Tensor], ropes: tuple[Rope, Rope], attend: Attend
    ) -> torch.Tensor:
        rows.append(len(streams[0]) // 2)
        return evaluate(streams, ropes, attend)

    monkeypatch.setattr(model, "velocity_of", counting)
    return rows


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


def test_euler_steps_along_the_velocity(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Against a loop that lays the noisy image out anew behind the whole prompt, without a cache."""
    prompt, noisy = sampler.text(5), sampler.image(Kind.NOISY, 2, 3)
    schedule = shifted_schedule(4, 3.0)
    (main,) = append(model, new_strands(SlotPool(model)), [(prompt,)], special)
    start = Sketch(main, None, None, Grid(2, 3), schedule, OFF, noisy.values)
    with pytest.raises(ValueError, match="nothing has been drawn yet"):
        _ = start.estimate_NV
    latents, steps = noisy.values, list(denoise(model, [start], special))
    for (sketch,), (t, t_next) in zip(steps, pairwise(schedule), strict=True):
        packed = pack([Document((prompt, noisy))], special).with_latents(latents, t)
        velocity = model.velocity(packed, PaddedAttend(packed))
        latents = latents - velocity * (t - t_next)
        assert sketch.velocity_NV is not None
        assert torch.allclose(sketch.velocity_NV, velocity, rtol=0, atol=1e-5)
        assert torch.allclose(sketch.latent_NV, latents, rtol=0, atol=1e-5)
        assert torch.allclose(sketch.estimate_NV, latents - t_next * velocity, rtol=0, atol=1e-5)
    assert [sketch.index for (sketch,) in steps] == [1, 2, 3]
    assert [sketch.is_done for (sketch,) in steps] == [False, False, True]


GUIDANCES = [
    OFF,
    Guidance(4.0, 1.0, (0.4, 1.0), Renorm.GLOBAL),
    Guidance(4.0, 2.0, (0.0, 1.0), Renorm.TEXT_CHANNEL),
    Guidance(4.0, 2.0, (0.0, 1.0), Renorm.CHANNEL, 0.5),
    Guidance(1.0, 3.0, (0.0, 1.0), Renorm.NONE),
]


@pytest.mark.parametrize(
    "guidance",
    GUIDANCES,
    ids=lambda guidance: f"{guidance.text_scale}-{guidance.image_scale}-{guidance.renorm}",
)
def test_images_of_a_batch_are_as_if_drawn_alone(
    guidance: Guidance, double_model: UnifiedModel, special: SpecialTokens
) -> None:
    """Different grids, different contexts."""
    schedule = shifted_schedule(4, 3.0)
    *_, together = denoise(double_model, sketches(double_model, special, schedule, guidance), special)
    for row, sketch in enumerate(together):
        start = sketches(double_model, special, schedule, guidance, rows=(row,))
        *_, (alone,) = denoise(double_model, start, special)
        assert torch.allclose(sketch.latent_NV, alone.latent_NV, rtol=0, atol=1e-10)


def test_sketches_that_come_and_go_are_as_if_drawn_alone(
    double_model: UnifiedModel, special: SpecialTokens
) -> None:
    """Of different sizes, at different times, under different guidance, some in one pass and some not; in
    between, one of the main strands is written behind by somebody else."""
    wanted = [(shifted_schedule(4, 3.0), GUIDANCES[1]), (shifted_schedule(6, 1.0), GUIDANCES[2])]
    wanted.append((shifted_schedule(3, 2.0), GUIDANCES[4]))

    def start() -> list[Sketch]:
        return [sketches(double_model, special, *how, rows=(row,))[0] for row, how in enumerate(wanted)]

    alone = [list(denoise(double_model, [sketch], special))[-1][0] for sketch in start()]
    now, easel = start(), Easel(double_model, special)
    for number, going in enumerate([(1,), (0, 1), (1, 2), (2, 0), (1, 0), (1,)]):
        for row, sketch in zip(going, easel.step([now[row] for row in going]), strict=True):
            now[row] = sketch
        if number == 1:
            append(double_model, [now[1].main], [(Sampler(8, double_model.config).text(9),)], special)
    for sketch, expected in zip(now, alone, strict=True):
        assert sketch.is_done and sketch.evaluations == expected.evaluations
        assert torch.allclose(sketch.latent_NV, expected.latent_NV, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("text_scale", "image_scale", "per_step"), [(1.0, 1.0, 1), (4.0, 1.0, 2), (1.0, 2.0, 2), (4.0, 2.0, 3)]
)
def test_branches_that_change_nothing_are_not_run(
    text_scale: float,
    image_scale: float,
    per_step: int,
    model: UnifiedModel,
    special: SpecialTokens,
    calls: list[int],
) -> None:
    guidance = Guidance(text_scale, image_scale, (0.0, 1.0))
    start = sketches(model, special, shifted_schedule(4, 3.0), guidance)
    *_, end = denoise(model, start, special)
    assert calls == [3 * per_step] * 3
    assert [sketch.evaluations for sketch in end] == [3 * per_step] * 3


def test_guidance_is_run_within_its_interval(
    model: UnifiedModel, special: SpecialTokens, calls: list[int]
) -> None:
    """Times 1, 0.75, 0.5, 0.25: lo < t <= hi."""
    guidance = Guidance(4.0, 1.0, (0.25, 0.75))
    start = sketches(model, special, shifted_schedule(5, 1.0), guidance, rows=(0,))
    steps = [sketch for (sketch,) in denoise(model, start, special)]
    assert calls == [1, 2, 2, 1]
    assert [sketch.evaluations for sketch in steps] == [1, 3, 5, 6]


def test_an_absent_branch_is_not_missed(
    model: UnifiedModel, special: SpecialTokens, calls: list[int]
) -> None:
    start = sketches(model, special, shifted_schedule(3, 1.0), Guidance(4.0, 2.0, (0, 1)), rows=(0, 1))
    list(denoise(model, [start[0], replace(start[1], text=None, image=None)], special))
    assert calls == [4, 4]


def test_drawing_leaves_the_strands_alone(model: UnifiedModel, special: SpecialTokens) -> None:
    start = sketches(model, special, shifted_schedule(3, 1.0), Guidance(interval=(0, 1)))
    before = [held(sketch.main) for sketch in start]
    list(denoise(model, start, special))
    assert all(torch.equal(held(sketch.main), was) for sketch, was in zip(start, before, strict=True))
    assert all(sketch.main.is_tip for sketch in start)


@pytest.mark.parametrize(
    ("saving", "run"), [(Saving(every=2), 3), (Saving(every=3), 2), (Saving(solver=Solver.ADAMS), 5)]
)
def test_what_is_saved_is_as_by_hand(
    model: UnifiedModel, special: SpecialTokens, calls: list[int], saving: Saving, run: int
) -> None:
    """Guided and of three sizes; by hand each velocity is that of an exact step from where the sketch is."""
    schedule, guidance = shifted_schedule(6, 1.0), Guidance(2.0, 1.0, (0.5, 1.0), Renorm.NONE)
    made = [replace(one, saving=saving) for one in sketches(model, special, schedule, guidance)]
    *_, drawn = denoise(model, made, special)
    assert len(calls) == run
    for place, sketch in enumerate(made):
        exact, latent, known = Easel(model, special), sketch.latent_NV, ()
        for index, times in enumerate(pairwise(schedule)):
            if saving.evaluates(index):
                here = replace(sketch, saving=EXACT, latent_NV=latent, index=index)
                (after,) = exact.step([here])
                assert after.velocity_NV is not None
                known = (*known, (times[0], after.velocity_NV))[-2:]
            latent = latent - saving.velocity(known, times) * (times[0] - times[1])
        assert torch.allclose(drawn[place].latent_NV, latent, atol=1e-5)


def test_a_velocity_is_used_again_until_the_input_has_changed(
    model: UnifiedModel, special: SpecialTokens
) -> None:
    """Against changes that are computed by hand, for each of three images by itself."""
    schedule, reuse = shifted_schedule(12, 1.0), 0.3
    made = [replace(one, saving=Saving(reuse=reuse)) for one in sketches(model, special, schedule)]
    now, easel, change, before = made, Easel(model, special), [0.0] * 3, [torch.empty(0)] * 3
    runs = [[] for _ in made]
    for index in range(len(schedule) - 1):
        inputs = [
            model.latent_in(one.latent_NV) + model.timestep(torch.tensor([schedule[index]])) for one in now
        ]
        after = easel.step(now)
        for place, one in enumerate(after):
            if index:
                difference = (inputs[place] - before[place]).abs().sum() / before[place].abs().sum()
                change[place] += difference.item()
            runs[place].append(one.evaluations - now[place].evaluations)
            assert runs[place][-1] == (index in (0, 10) or change[place] >= reuse)
            if runs[place][-1]:
                change[place] = 0.0
            else:
                assert one.velocity_NV is not None and one.velocity_NV is now[place].velocity_NV
        now, before = after, inputs
    assert all(2 < sum(row) < 11 for row in runs) and len({tuple(row) for row in runs}) > 1


def test_sketches_that_save_and_that_do_not_go_together(model: UnifiedModel, special: SpecialTokens) -> None:
    schedule = shifted_schedule(5, 3.0)
    plain = sketches(model, special, schedule)
    mixed = [plain[0], replace(plain[1], saving=Saving(every=2)), plain[2]]
    *_, alone = denoise(model, plain, special)
    *_, together = denoise(model, mixed, special)
    assert [one.evaluations for one in together] == [4, 2, 4]
    for row in (0, 2):
        assert torch.allclose(together[row].latent_NV, alone[row].latent_NV, atol=1e-5)
    assert not torch.equal(together[1].latent_NV, alone[1].latent_NV)


def test_who_else_is_in_a_pass_changes_no_byte(model: UnifiedModel, special: SpecialTokens) -> None:
    """In float32, as long as the shapes are the same: here the others' noise, branches and seeds are not."""
    guidance, schedule = GUIDANCES[2], shifted_schedule(4, 3.0)
    first, *others = sketches(model, special, schedule, guidance)
    changed = [replace(other, latent_NV=other.latent_NV.flip(0)) for other in others]
    *_, once = denoise(model, [first, *others], special)
    *_, again = denoise(model, [first, *changed], special)
    assert torch.equal(once[0].latent_NV, again[0].latent_NV)
    assert not torch.equal(once[2].latent_NV, again[2].latent_NV)
