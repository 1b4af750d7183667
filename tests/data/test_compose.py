from collections.abc import Callable
from dataclasses import replace
from statistics import median

import pytest
import torch
from PIL import Image

from irg.core import BranchKind, Document, Grid, Kind, Role, Segment, SpecialTokens, dense_mask, keeps, pack
from irg.core.trace import Trace, Turn
from irg.data.compose import Composer, Dropout, Noising, dropped, noised, noised_copies
from irg.data.learning import Mode, document
from irg.data.prepare import Preparer
from irg.model import Autoencoder
from irg.model.autoencoder import to_tokens
from irg.prep import Resize, to_pixels
from tests.data.drawn import drawn
from tests.data.small import config, random_autoencoder, tokenizer

DRAWING = (Mode.DIRECT, Mode.EDIT, Mode.INITIAL_FULL, Mode.IMPROVING_FULL)
LATENTS = torch.randn(4, 8, generator=torch.Generator().manual_seed(9))
IMAGE = Segment(Kind.CLEAN, Role.IMAGE, LATENTS, turn=2, grid=Grid(2, 2))


def picture(seed: int, size: tuple[int, int] = (40, 24)) -> Image.Image:
    values = torch.randint(256, (size[1], size[0], 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(values.to(torch.uint8).numpy())


TRACE = Trace(
    "a red circle",
    (Turn("A small red circle top, on mint.", picture(0)), Turn("Better: it.", picture(1))),
    seed=0,
    source=picture(2),
    questions=(("Where?", "Top."),),
)


def preparer() -> Preparer:
    size = Resize(32, 32, 16)
    return Preparer(config(), tokenizer(), size, size)


def ready(mode: Mode, seed: int = 0, trace: Trace = TRACE) -> Document:
    return preparer()(document(trace, mode, "Think."), seed)


def composer(noising: Noising | None = None, dropout: Dropout | None = None, remember: int = 0) -> Composer:
    return Composer(config(), random_autoencoder(), noising or Noising(), dropout or Dropout(), remember)


def composed(
    mode: Mode, dropout: Dropout | None = None, noising: Noising | None = None, seed: int = 0
) -> Document:
    return composer(noising, dropout)([ready(mode, seed)])[0]


@pytest.mark.parametrize("mode", Mode)
def test_a_document_is_as_long_as_it_was_measured(mode: Mode) -> None:
    made = document(TRACE, mode, "Think.")
    for copies in (1, 3):
        assert preparer().measure(made, copies) == composed(mode, noising=Noising(copies=copies)).num_tokens


def test_images_are_resized_and_encoded_as_at_inference() -> None:
    sequence = composed(Mode.IMPROVING_THINKING)
    clean, view = (next(one for one in sequence if one.kind is kind) for kind in (Kind.CLEAN, Kind.VIEW))
    shown = Resize(32, 32, 16)(picture(0))
    expected = random_autoencoder().encode(to_pixels([shown]))
    assert torch.allclose(torch.as_tensor(clean.data), to_tokens(expected, 2)[0], atol=1e-5)
    assert clean.grid == Grid(shown.height // 16, shown.width // 16)
    assert torch.as_tensor(view.data).shape == (clean.grid.num_tokens, 16 * 16 * 3)


def test_company_does_not_change_a_document() -> None:
    """Not other documents, nor their order, nor how many are encoded together."""
    several = [ready(mode, seed) for seed, mode in enumerate(Mode)] * 3
    together = composer()(several)
    for alone, sequence in zip(several, together, strict=True):
        (twin,) = composer()([alone])
        assert drawn(sequence) == drawn(twin)
        for one, other in zip(sequence, twin, strict=True):
            if isinstance(one.data, torch.Tensor):
                assert torch.allclose(one.data, torch.as_tensor(other.data), atol=1e-5)
            assert one.timestep == other.timestep


def test_company_of_other_sizes_does_not_change_what_is_sampled_of_a_document() -> None:
    class Sampled(Autoencoder):
        """Draws, as one whose posterior is sampled, and shows what it drew."""

        @property
        def sampled(self) -> bool:
            return True

        def encode(self, image_BCHW: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
            assert noise is not None
            return noise

    size = Resize(64, 32, 16)
    wide, high = picture(0, (64, 32)), picture(1, (32, 64))
    trace = Trace("a red circle", (Turn("wide", wide), Turn("high", high)), seed=0, source=wide)
    other = replace(trace, turns=(Turn("high", high),))
    modes = (Mode.DIRECT, Mode.IMPROVING_FULL, Mode.EDIT)
    first, *several = [
        Preparer(config(), tokenizer(), size, size)(document(one, mode, "Think."), seed)
        for seed, (mode, one) in enumerate(zip(modes, (other, trace, trace), strict=True))
    ]
    sampling = Composer(config(), Sampled(config().autoencoder), Noising(), Dropout())
    for alone, sequence in zip(several, sampling([first, *several])[1:], strict=True):
        (twin,) = sampling([alone])
        grids = {one.grid for one in sequence if one.kind is not Kind.VIEW and one.grid}
        assert len(grids) == 2
        for one, same in zip(sequence, twin, strict=True):
            if isinstance(one.data, torch.Tensor):
                assert torch.equal(one.data, torch.as_tensor(same.data))


def test_remembered_latents_are_the_same_and_few() -> None:
    encoded: list[int] = []

    class Counting(Autoencoder):
        def encode(self, image_BCHW: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
            encoded.append(len(image_BCHW))
            return super().encode(image_BCHW, noise)

    counting = Counting(config().autoencoder)
    counting.load_state_dict(random_autoencoder().state_dict())
    remembering = Composer(config(), counting, Noising(), Dropout(), remember=2)
    first, again = remembering([ready(Mode.DIRECT)])[0], remembering([ready(Mode.DIRECT)])[0]
    assert encoded == [1]
    assert torch.equal(torch.as_tensor(first.segments[-1].data), torch.as_tensor(again.segments[-1].data))
    remembering([ready(Mode.IMPROVING_FULL), ready(Mode.EDIT)])
    remembering([ready(Mode.DIRECT)])
    assert sum(encoded) == 4, "only two are kept, the oldest goes first"


def test_noised_latents_time_and_target_belong_together() -> None:
    copies = noised_copies(IMAGE, Noising(copies=5), torch.Generator().manual_seed(0))
    assert len({copy.timestep for copy in copies}) == 5
    for copy in copies:
        assert isinstance(copy.data, torch.Tensor) and copy.target is not None and copy.turn == 2
        noise = copy.target + LATENTS
        expected = (1 - copy.timestep) * LATENTS + copy.timestep * noise
        assert torch.allclose(copy.data, expected, rtol=0, atol=1e-6)
        # What the flow says of x_t: going back along the velocity leads to the picture.
        assert torch.allclose(copy.data - copy.timestep * copy.target, LATENTS, rtol=0, atol=1e-6)


def test_noise_and_time_can_be_given() -> None:
    noise = torch.ones_like(LATENTS)
    segment = noised(IMAGE, 0.25, noise)
    assert (segment.kind, segment.turn, segment.grid, segment.timestep) == (Kind.NOISY, 2, IMAGE.grid, 0.25)
    assert torch.equal(segment.values, 0.75 * LATENTS + 0.25)
    assert segment.target is not None and torch.equal(segment.target, noise - LATENTS)


def test_noise_is_standard_normal_and_new_for_every_copy() -> None:
    latents = torch.full((60, 50), 3.0)
    image = Segment(Kind.CLEAN, Role.IMAGE, latents, turn=1, grid=Grid(6, 10))
    first, second = noised_copies(image, Noising(copies=2), torch.Generator().manual_seed(0))
    assert first.target is not None and second.target is not None
    one, other = first.target + 3, second.target + 3
    assert abs(one.mean()) < 0.05 and abs(one.std() - 1) < 0.05
    assert abs((one * other).mean()) < 0.05


@pytest.mark.parametrize(("shift", "middle"), [(1.0, 0.5), (3.0, 0.75), (4.0, 0.8)])
def test_the_shift_moves_the_median_time(shift: float, middle: float) -> None:
    generator = torch.Generator().manual_seed(0)
    times = [copy.timestep for copy in noised_copies(IMAGE, Noising(shift, copies=2_000), generator)]
    assert abs(median(times) - middle) < 0.02
    # Times before the shift are sigmoids of standard normal numbers: 68.3% of those lie within one deviation.
    odds = torch.tensor([t / (shift - (shift - 1) * t) for t in times]).logit()
    assert abs(odds.mean()) < 0.06 and abs((odds.abs() < 1).float().mean() - 0.683) < 0.03


def test_copies_see_the_shared_context_and_only_themselves(special: SpecialTokens) -> None:
    text = Segment(Kind.TEXT, Role.PROMPT, (1, 2), turn=1)
    image = Segment(Kind.CLEAN, Role.IMAGE, LATENTS[:2], turn=1, grid=Grid(1, 2))
    copies = noised_copies(image, Noising(copies=2), torch.Generator())
    row = pack([Document((text, *copies))], special)
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


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("branch", BranchKind)
def test_dropout_leaves_what_the_branch_keeps(mode: Mode, branch: BranchKind) -> None:
    whole = composed(mode)
    dropout = Dropout(text=1.0) if branch is BranchKind.TEXT else Dropout(image=1.0)
    turn = whole.segments[-1].turn
    expected = [
        segment
        for segment in whole
        if mode not in DRAWING or segment.kind is Kind.NOISY or keeps(branch, segment, turn)
    ]
    assert drawn(composed(mode, dropout)) == drawn(expected)


@pytest.mark.parametrize(
    ("mode", "dropout", "left"),
    [
        (Mode.DIRECT, Dropout(text=1), "N1*"),
        (Mode.INITIAL_FULL, Dropout(text=1), "S N1*"),
        (Mode.INITIAL_FULL, Dropout(image=1), "S P1 T1* N1*"),
        (Mode.IMPROVING_FULL, Dropout(text=1), "S P1 T1 C1 V1 N2*"),
        (Mode.IMPROVING_FULL, Dropout(image=1), "S P1 T1 T2* N2*"),
        (Mode.IMPROVING_FULL, Dropout(text=1, image=1), "S P1 T1 N2*"),
        (Mode.IMPROVING_FULL, Dropout(clean=1), "S P1 T1 V1 T2* N2*"),
        (Mode.IMPROVING_FULL, Dropout(view=1), "S P1 T1 C1 T2* N2*"),
        (Mode.IMPROVING_FULL, Dropout(clean=1, view=1), "S P1 T1 T2* N2*"),
        (Mode.EDIT, Dropout(text=1), "C1 V1 N2*"),
        (Mode.EDIT, Dropout(image=1), "P2 N2*"),
        (Mode.IMPROVING_THINKING, Dropout(text=1, image=1), "S P1 T1 C1 V1 T2*"),
        (Mode.IMPROVING_THINKING, Dropout(clean=1), "S P1 T1 V1 T2*"),
        (Mode.IMPROVING_THINKING, Dropout(view=1), "S P1 T1 C1 T2*"),
        (Mode.IMPROVING_THINKING, Dropout(clean=1, view=1), "S P1 T1 C1 V1 T2*"),
        (Mode.QUESTION, Dropout(view=1), "V1 Q1 T1*"),
    ],
)
def test_what_is_left_of_a_thinned_document(mode: Mode, dropout: Dropout, left: str) -> None:
    assert drawn(composed(mode, dropout)) == left


@pytest.mark.parametrize("mode", Mode)
def test_dropping_leaves_the_generators_course_alone(mode: Mode) -> None:
    segments = list(composed(mode))

    def after(dropout: Dropout) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        dropped(segments, dropout, generator)
        return torch.randn(4, generator=generator)

    untouched = after(Dropout())
    for dropout in (Dropout(text=1), Dropout(image=1), Dropout(1, 1, 1, 1), Dropout(0.5, 0.5)):
        assert torch.equal(after(dropout), untouched)


def test_each_kind_of_dropout_happens_as_often_as_asked_on_its_own() -> None:
    segments = list(composed(Mode.IMPROVING_FULL))
    dropout, generator = Dropout(text=0.3, clean=0.2, view=0.1), torch.Generator().manual_seed(0)
    left = [drawn(dropped(segments, dropout, generator)) for _ in range(2_000)]

    def share(lost: Callable[[str], bool]) -> float:
        return sum(map(lost, left)) / len(left)

    assert abs(share(lambda one: "T2" not in one) - 0.3) < 0.04
    assert abs(share(lambda one: "C1" not in one) - 0.2) < 0.03
    assert abs(share(lambda one: "V1" not in one) - 0.1) < 0.025
    assert abs(share(lambda one: "C1" not in one and "V1" not in one) - 0.02) < 0.012
    assert abs(share(lambda one: "T2" not in one and "C1" not in one) - 0.06) < 0.02
