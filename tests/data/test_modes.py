from dataclasses import replace
from statistics import median

import pytest
import torch

from irg.core import BranchKind, Grid, Kind, Role, Sequence, SpecialTokens, dense_mask, keeps, pack
from irg.data.modes import COMPOSITION, Dropout, Mode, Noising, Picture, Prepared, compose, noised
from tests.data.drawn import drawn

DRAWN = {
    Mode.DIRECT: "P1 N1*",
    Mode.QUESTION: "V1 Q1 T1*",
    Mode.EDIT: "C1 V1 P2 N2*",
    Mode.INITIAL_UNDERSTANDING: "S P1 C1 V1 Q1 T1*",
    Mode.INITIAL_THINKING: "S P1 T1*",
    Mode.INITIAL_FULL: "S P1 T1* N1*",
    Mode.IMPROVING_UNDERSTANDING: "S P1 C1 V1 C2 V2 Q1 T2*",
    Mode.IMPROVING_THINKING: "S P1 T1 C1 V1 T2*",
    Mode.IMPROVING_FULL: "S P1 T1 C1 V1 T2* N2*",
}
DRAWING = [Mode.DIRECT, Mode.EDIT, Mode.INITIAL_FULL, Mode.IMPROVING_FULL]


def picture(seed: int) -> Picture:
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(2, 3, generator=generator)
    return Picture(latents, Grid(1, 2), torch.randn(4, 5, generator=generator), Grid(2, 2))


TRACE = Prepared((1,), (2, 3), ((4,), (5, 6)), (picture(0), picture(1)), (7, 8), (9,))


def document(
    mode: Mode, dropout: Dropout | None = None, noising: Noising | None = None, trace: Prepared = TRACE
) -> Sequence:
    generator = torch.Generator().manual_seed(0)
    return compose(mode, trace, noising or Noising(), dropout or Dropout(), generator)


def test_every_mode_is_drawn_here() -> None:
    assert set(DRAWN) == set(COMPOSITION) == set(Mode)


@pytest.mark.parametrize("mode", Mode)
def test_what_a_mode_holds_and_where_its_loss_is(mode: Mode) -> None:
    assert drawn(document(mode)) == DRAWN[mode]


@pytest.mark.parametrize("mode", Mode)
def test_parts_hold_what_the_trace_holds_of_them(mode: Mode) -> None:
    texts = {
        (Role.SYSTEM, 0): TRACE.system,
        (Role.PROMPT, 2 if mode is Mode.EDIT else 1): TRACE.prompt,
        (Role.THOUGHT, 1): TRACE.answer if mode is Mode.QUESTION else TRACE.thoughts[0],
        (Role.THOUGHT, 2): TRACE.thoughts[1],
        (Role.QUESTION, 1): TRACE.question,
    }
    for segment in document(mode):
        shown = TRACE.pictures[segment.turn - 1]
        if segment.kind is Kind.TEXT:
            assert segment.data == texts[segment.role, segment.turn]
        elif segment.kind is Kind.VIEW:
            assert segment.data is shown.patches and segment.grid == shown.patch_grid
        else:
            assert segment.grid == shown.latent_grid
            assert (segment.data is shown.latents) == (segment.kind is Kind.CLEAN)


def test_noised_latents_time_and_target_belong_together() -> None:
    source = picture(3)
    generator = torch.Generator().manual_seed(0)
    copies = noised(source, 2, Noising(copies=5), generator)
    assert len({copy.timestep for copy in copies}) == 5
    for copy in copies:
        assert isinstance(copy.data, torch.Tensor) and copy.target is not None
        noise = copy.target + source.latents
        expected = (1 - copy.timestep) * source.latents + copy.timestep * noise
        assert torch.allclose(copy.data, expected, rtol=0, atol=1e-6)
        # What the flow says of x_t: going back along the velocity leads to the picture.
        assert torch.allclose(copy.data - copy.timestep * copy.target, source.latents, rtol=0, atol=1e-6)
        assert copy.turn == 2


def test_noise_is_standard_normal_and_new_for_every_copy() -> None:
    source = replace(picture(0), latents=torch.full((60, 50), 3.0), latent_grid=Grid(6, 10))
    first, second = noised(source, 1, Noising(copies=2), torch.Generator().manual_seed(0))
    assert first.target is not None and second.target is not None
    one, other = first.target + 3, second.target + 3
    assert abs(one.mean()) < 0.05 and abs(one.std() - 1) < 0.05
    assert abs((one * other).mean()) < 0.05


def test_half_precision_latents_are_noised_exactly() -> None:
    source = replace(picture(0), latents=picture(0).latents.bfloat16())
    (copy,) = noised(source, 1, Noising(), torch.Generator().manual_seed(0))
    assert isinstance(copy.data, torch.Tensor) and copy.target is not None
    back = copy.data - copy.timestep * copy.target
    assert torch.allclose(back, source.latents.float(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("shift", "middle"), [(1.0, 0.5), (3.0, 0.75), (4.0, 0.8)])
def test_the_shift_moves_the_median_time(shift: float, middle: float) -> None:
    generator = torch.Generator().manual_seed(0)
    copies = noised(picture(0), 1, Noising(shift, copies=2_000), generator)
    times = [copy.timestep for copy in copies]
    assert abs(median(times) - middle) < 0.02
    # Times before the shift are sigmoids of standard normal numbers: 68.3% of those lie within one deviation.
    odds = torch.tensor([t / (shift - (shift - 1) * t) for t in times]).logit()
    assert abs(odds.mean()) < 0.06 and abs((odds.abs() < 1).float().mean() - 0.683) < 0.03


def test_copies_see_the_shared_context_and_only_themselves(special: SpecialTokens) -> None:
    row = pack([document(Mode.DIRECT, noising=Noising(copies=2))], special)
    # Four tokens of prompt, then twice the start, two latents and the end of a noised picture.
    assert ["".join("#" if seen else "." for seen in line) for line in dense_mask(row).tolist()] == [
        "#...........",
        "##..........",
        "###.........",
        "####........",
        *["########...."] * 4,
        *["####....####"] * 4,
    ]
    assert row.position_T.tolist() == [0, 1, 2, 3, *[4] * 8]


def test_copies_follow_the_conditions_that_they_share() -> None:
    assert drawn(document(Mode.IMPROVING_FULL, noising=Noising(copies=3))) == "S P1 T1 C1 V1 T2* N2* N2* N2*"


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("branch", BranchKind)
def test_dropout_leaves_what_the_branch_keeps(mode: Mode, branch: BranchKind) -> None:
    whole = document(mode)
    dropout = Dropout(text=1.0) if branch is BranchKind.TEXT else Dropout(image=1.0)
    turn = int(DRAWN[mode][-2]) if mode in DRAWING else 0
    expected = [
        segment
        for segment in whole
        if mode not in DRAWING or segment.kind is Kind.NOISY or keeps(branch, segment, turn)
    ]
    assert drawn(document(mode, dropout)) == drawn(expected)


@pytest.mark.parametrize(
    ("mode", "dropout", "left"),
    [
        (Mode.DIRECT, Dropout(text=1), "N1*"),
        (Mode.DIRECT, Dropout(image=1), "P1 N1*"),
        (Mode.INITIAL_FULL, Dropout(text=1), "S N1*"),
        (Mode.INITIAL_FULL, Dropout(image=1), "S P1 T1* N1*"),
        (Mode.IMPROVING_FULL, Dropout(text=1), "S P1 T1 C1 V1 N2*"),
        (Mode.IMPROVING_FULL, Dropout(image=1), "S P1 T1 T2* N2*"),
        (Mode.IMPROVING_FULL, Dropout(text=1, image=1), "S P1 T1 N2*"),
        (Mode.EDIT, Dropout(text=1), "C1 V1 N2*"),
        (Mode.EDIT, Dropout(image=1), "P2 N2*"),
        (Mode.IMPROVING_THINKING, Dropout(text=1, image=1), "S P1 T1 C1 V1 T2*"),
    ],
)
def test_what_is_left_of_a_thinned_document(mode: Mode, dropout: Dropout, left: str) -> None:
    assert drawn(document(mode, dropout)) == left


@pytest.mark.parametrize("mode", Mode)
def test_dropping_leaves_the_generators_course_alone(mode: Mode) -> None:
    def after(dropout: Dropout) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        compose(mode, TRACE, Noising(), dropout, generator)
        return torch.randn(4, generator=generator)

    untouched = after(Dropout())
    for dropout in (Dropout(text=1), Dropout(image=1), Dropout(1, 1), Dropout(0.5, 0.5)):
        assert torch.equal(after(dropout), untouched)


def test_dropout_happens_as_often_as_asked() -> None:
    generator = torch.Generator().manual_seed(0)
    dropout = Dropout(text=0.3, image=0.1)
    left = [drawn(compose(Mode.IMPROVING_FULL, TRACE, Noising(), dropout, generator)) for _ in range(1_500)]
    assert abs(sum("T2" not in one for one in left) / 1_500 - 0.3) < 0.04
    assert abs(sum("C1 V1" not in one for one in left) / 1_500 - 0.1) < 0.03
    assert abs(sum("T2" not in one and "C1" not in one for one in left) / 1_500 - 0.03) < 0.02


def test_one_seed_gives_one_document() -> None:
    one, same = document(Mode.IMPROVING_FULL), document(Mode.IMPROVING_FULL)
    assert one.segments[-1].timestep == same.segments[-1].timestep
    assert torch.equal(torch.as_tensor(one.segments[-1].data), torch.as_tensor(same.segments[-1].data))


@pytest.mark.parametrize(
    ("mode", "trace", "missing"),
    [
        (Mode.DIRECT, replace(TRACE, prompt=()), "prompt"),
        (Mode.DIRECT, replace(TRACE, pictures=()), r"I1.* 0 "),
        (Mode.INITIAL_THINKING, replace(TRACE, system=()), "system"),
        (Mode.INITIAL_FULL, replace(TRACE, thoughts=()), r"T1.* 0 "),
        (Mode.QUESTION, replace(TRACE, question=()), "question"),
        (Mode.QUESTION, replace(TRACE, pictures=()), r"V1.* 0 "),
        (Mode.IMPROVING_FULL, replace(TRACE, thoughts=TRACE.thoughts[:1]), r"T2.* 1 "),
        (Mode.IMPROVING_FULL, replace(TRACE, pictures=TRACE.pictures[:1]), r"I2.* 1 "),
        (Mode.IMPROVING_UNDERSTANDING, replace(TRACE, question=()), "question"),
    ],
)
def test_a_missing_part_is_named(mode: Mode, trace: Prepared, missing: str) -> None:
    with pytest.raises(ValueError, match=rf"{mode} needs .*{missing}"):
        document(mode, trace=trace)
