from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from irg.core import BranchKind, Document, Grid, Kind, Role, Segment, keeps, pack
from irg.core.events import DenoisingStep, ImageDone, ThoughtDelta, ThoughtDone
from irg.data.compose import Dropout, dropped
from irg.data.learning import Mode
from irg.engine import SeededDraws, SlotPool, Strand, append, new_strands
from irg.engine.attend import StrandAttend, parts_of
from irg.engine.strand import with_room
from irg.model import PaddedAttend, UnifiedModel
from irg.model.autoencoder import from_tokens, to_tokens
from irg.pipeline import Pipeline, episode
from irg.prep import patches, to_pixels, to_uint8
from tests.data.drawn import drawn
from tests.data.small import random_model, settings, tokenizer
from tests.engine.outlook import held
from tests.pipeline.watching import PROMPT, SPECIAL, Witness, course, history, photo, pipeline_with, trace_of


def test_the_deltas_of_a_thought_make_the_thought() -> None:
    """Whatever tokens are written: here random ones, with bytes of unfinished characters among them."""
    wild = pipeline_with(settings(32).model_copy(update={"temperature": 1.0, "max_thought_tokens": 40}))
    num_replaced = 0
    for seed in range(6):
        told = ""
        for event in wild.generate(PROMPT, wild.settings.plan(turns=1), seed):
            if isinstance(event, ThoughtDelta):
                assert event.text
                told += event.text
            elif isinstance(event, ThoughtDone):
                assert event.text == told
                num_replaced += "\N{REPLACEMENT CHARACTER}" in told
    assert num_replaced, "no text had bytes that make no character"


def test_the_last_step_holds_what_the_picture_is_decoded_from(pipeline: Pipeline) -> None:
    step = None
    for event in pipeline.generate(PROMPT):
        if isinstance(event, DenoisingStep):
            step = event
        elif isinstance(event, ImageDone):
            assert step is not None and torch.equal(step.latents, event.latents)
            with torch.no_grad():
                decoded = pipeline.parts.autoencoder.decode(from_tokens(event.latents[None], 2, 2))
            assert (to_uint8(decoded)[0] == np.asarray(event.image)).all()


def test_previews_come_every_so_many_steps_but_not_instead_of_the_picture(pipeline: Pipeline) -> None:
    plan = pipeline.settings.model_copy(update={"num_points": 7}).plan(turns=1)
    for every, expected in ((0, []), (1, [1, 2, 3, 4, 5]), (2, [2, 4]), (3, [3]), (6, []), (9, [])):
        events = list(pipeline.generate(PROMPT, replace(plan, preview_every=every)))
        steps = [event for event in events if isinstance(event, DenoisingStep)]
        assert len(steps) == 6
        assert [step.index for step in steps if step.preview is not None] == expected
        assert all(step.preview is None or step.preview.size == (32, 32) for step in steps)


def test_a_preview_shows_where_the_latents_are_heading(pipeline: Pipeline) -> None:
    """The estimate is x_t - t v; Euler steps give v from two of them."""
    plan = replace(pipeline.settings.plan(turns=1, think=False), preview_every=1)
    first, second = (event for event in pipeline.generate(PROMPT, plan) if isinstance(event, DenoisingStep))
    noise = SeededDraws(0).normal(4, 8)
    schedule = [1.0, 0.75, 0.0]  # three points, shifted by 3
    velocity = (noise - first.latents) / (schedule[0] - schedule[1])
    estimate = first.latents - schedule[1] * velocity
    with torch.no_grad():
        decoded = to_uint8(pipeline.parts.autoencoder.decode(from_tokens(estimate[None], 2, 2)))[0]
    assert first.preview is not None and second.preview is None
    assert np.abs(decoded.astype(int) - np.asarray(first.preview)).max() <= 1


@pytest.mark.parametrize(
    ("turns", "think", "expected"),
    [
        (1, False, [("P1", "", None)]),
        (1, True, [("S P1 T1", "S", None)]),
        (
            3,
            True,
            [
                ("S P1 T1", "S", None),
                ("S P1 T1 C1 V1 T2", "S P1 T1 C1 V1", "S P1 T1 T2"),
                ("S P1 T1 C1 V1 T2 C2 V2 T3", "S P1 T1 C1 V1 T2 C2 V2", "S P1 T1 T2 T3"),
            ],
        ),
        # Without a second thought there is nothing that a text branch could lack.
        (2, False, [("P1", "", None), ("P1 C1 V1", None, "P1")]),
    ],
)
def test_the_contexts_of_guidance(
    turns: int, think: bool, expected: list[tuple[str, str, str]], pipeline: Pipeline, witness: Witness
) -> None:
    list(pipeline.generate(PROMPT, pipeline.settings.plan(turns, think)))
    got = [(history(one.main), history(one.text), history(one.image)) for one in witness.sketches]
    assert got == expected


def test_the_text_branch_is_a_shorter_view_of_the_main_context(pipeline: Pipeline, witness: Witness) -> None:
    list(pipeline.generate(PROMPT, pipeline.settings.plan(3)))
    for turn, sketch in enumerate(witness.sketches, start=1):
        main, text = sketch.main, sketch.text
        assert text is not None and text.slot is main.slot
        kept = tuple(one for one in main.history if keeps(BranchKind.TEXT, one, turn))
        assert text.history == kept  # segments are equal only if they are the same object
        assert text.length == sum(segment.num_tokens for segment in kept) < main.length


def test_the_image_branch_is_a_context_of_texts_of_its_own(pipeline: Pipeline, witness: Witness) -> None:
    list(pipeline.generate(PROMPT, pipeline.settings.plan(3)))
    images = [sketch.image for sketch in witness.sketches]
    assert images[0] is None
    for sketch, image in zip(witness.sketches[1:], images[1:], strict=True):
        assert image is not None and image.slot is not sketch.main.slot
        assert all(segment.kind is Kind.TEXT for segment in image.history)
        # Contiguous: no positions are left out where the images were.
        assert image.position == image.length == sum(one.num_tokens for one in image.history)


def test_an_image_branch_reads_only_what_nobody_has_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on from the main strand's beginning in turn 2, and from itself in turn 3."""
    read: list[str] = []

    def watched(
        model: UnifiedModel, strands: Sequence[Strand], documents: Sequence[tuple[Segment, ...]], *rest: Any
    ) -> tuple[Strand, ...]:
        if any(documents):
            read.append(drawn(documents[0]))
        return append(model, strands, documents, *rest)

    monkeypatch.setattr(episode, "append", watched)
    list(pipeline.generate(PROMPT, pipeline.settings.plan(3)))
    # Thoughts are also read again where their text makes other tokens.
    assert {"T2", "T3"} <= {*read} <= {"P1", "T1", "C1 V1", "T2", "C2 V2", "T3"}


def test_branches_that_would_change_nothing_are_not_made(pipeline: Pipeline, witness: Witness) -> None:
    plan = pipeline.settings.plan(2)
    plain = [
        replace(turn, guidance=replace(turn.guidance, text_scale=1, image_scale=1)) for turn in plan.turns
    ]
    list(pipeline.generate(PROMPT, replace(plan, turns=tuple(plain))))
    assert [(sketch.text, sketch.image) for sketch in witness.sketches] == [(None, None), (None, None)]
    first = replace(plan.turns[0], guidance=replace(plan.turns[0].guidance, image_scale=3.0))
    list(pipeline.generate(PROMPT, replace(plan, turns=(first,))))
    assert witness.sketches[-1].image is None, "the first turn has no image to leave out"


def same_as_fresh(strand: Strand, model: UnifiedModel) -> bool:
    """Whether cached keys and values are those of reading the history in one go."""
    with torch.inference_mode():
        (fresh,) = append(model, new_strands(SlotPool(model)), [strand.history], SPECIAL)
    same = (fresh.length, fresh.position) == (strand.length, strand.position)
    return same and torch.allclose(held(fresh), held(strand), rtol=0, atol=1e-4)


def test_contexts_hold_what_reading_their_history_afresh_would_give(witness: Witness) -> None:
    pipeline = pipeline_with(settings(32).model_copy(update={"temperature": 1.0}))
    stream = pipeline.generate_batch([PROMPT, "a star"], pipeline.settings.plan(3), [3, 4])
    checked = 0
    for _, event in stream:
        if isinstance(event, DenoisingStep) and event.index == 1:
            for sketch in witness.drawings[-1]:
                for strand in (sketch.main, sketch.text, sketch.image):
                    assert strand is None or same_as_fresh(strand, pipeline.parts.model)
                    checked += strand is not None
    assert checked > 10


def test_a_drawn_picture_is_read_back_from_its_pixels(pipeline: Pipeline, witness: Witness) -> None:
    """As everyone would see it, truncated to eight bits; not from the latents it was decoded from."""
    trace = trace_of(pipeline.generate(PROMPT))
    clean, view = (one for one in witness.sketches[1].main.history if one.kind is not Kind.TEXT)
    pixels = to_pixels([trace.turns[0].image])
    with torch.no_grad():
        tokens = to_tokens(pipeline.parts.autoencoder.encode(pixels), 2)[0]
    assert torch.allclose(torch.as_tensor(clean.data), tokens, rtol=0, atol=1e-6)
    assert torch.equal(torch.as_tensor(view.data), patches(pixels[0], 16))
    assert clean.grid == view.grid == Grid(2, 2)


def test_pictures_of_other_shapes_are_drawn_and_read_back(pipeline: Pipeline, witness: Witness) -> None:
    wide = pipeline_with(settings(64))
    trace = trace_of(wide.generate(PROMPT, wide.settings.plan(2, width=64, height=32)))
    assert [turn.image.size for turn in trace.turns] == [(64, 32), (64, 32)]
    assert witness.sketches[0].grid == Grid(2, 4)


def drawing(context: Strand, turn: int) -> list[Segment]:
    """What a context holds, and the picture that is being drawn, as a training document has it."""
    target = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    noisy = Segment(Kind.NOISY, Role.IMAGE, target, turn=turn, grid=Grid(2, 2), timestep=0.5, target=target)
    return [*context.history, noisy]


def same_segments(ours: Sequence[Segment], theirs: Sequence[Segment]) -> bool:
    def described(segment: Segment) -> tuple[object, ...]:
        data = segment.data if isinstance(segment.data, tuple) else segment.data.tolist()
        return segment.kind, segment.role, segment.turn, segment.grid, data

    return list(map(described, ours)) == list(map(described, theirs))


@pytest.mark.parametrize("branch", ["text", "image"])
@pytest.mark.parametrize(
    "mode", [Mode.DIRECT, Mode.INITIAL_FULL, Mode.IMPROVING_FULL, Mode.EDIT], ids=lambda mode: mode.value
)
def test_a_branch_reads_what_dropout_leaves_and_predicts_what_training_would(
    mode: Mode, branch: str, pipeline: Pipeline, witness: Witness
) -> None:
    if mode is Mode.EDIT:
        list(pipeline.edit(photo(), PROMPT))
    else:
        turns = 2 if mode is Mode.IMPROVING_FULL else 1
        list(pipeline.generate(PROMPT, pipeline.settings.plan(turns, think=mode is not Mode.DIRECT)))
    sketch = witness.sketches[-1]
    # Where the branch would be the main context itself, guidance does without it.
    context = (sketch.text if branch == "text" else sketch.image) or sketch.main
    dropout = Dropout(text=float(branch == "text"), image=float(branch == "image"))
    generator = torch.Generator().manual_seed(0)
    turn = 2 if mode in (Mode.EDIT, Mode.IMPROVING_FULL) else 1
    document = Document(tuple(dropped(drawing(sketch.main, turn), dropout, generator)))
    *left, noisy = document
    assert same_segments(left, context.history)

    model = pipeline.parts.model
    row, tip = pack([document], SPECIAL), pack([Document((noisy,))], SPECIAL, [context.position])
    attend = StrandAttend(with_room([context], [noisy.num_tokens]), [parts_of([noisy])])
    assert tip.position_T.tolist() == row.position_T[-tip.num_tokens :].tolist()
    with torch.inference_mode():
        in_training = model.velocity(row, PaddedAttend(row))[-4:]
        at_inference = model.velocity(tip, attend)
    assert torch.allclose(in_training, at_inference, rtol=0, atol=1e-5)


@pytest.fixture
def wild() -> Pipeline:
    """Writes tokens at random: some texts, encoded again, are other tokens."""
    return pipeline_with(settings(32).model_copy(update={"temperature": 1.0, "max_thought_tokens": 3}))


def test_thoughts_stay_as_written_if_they_survive_and_are_read_again_if_not(
    wild: Pipeline, witness: Witness
) -> None:
    prompts = [PROMPT, "a star", "a heart", "a circle", "a square"] * 2
    told: dict[int, ThoughtDone] = {}
    for row, event in wild.generate_batch(prompts, wild.settings.plan(turns=1)):
        if isinstance(event, ThoughtDone):
            told[row] = event
    (sketches,), (writing,) = witness.drawings, witness.writings
    for row, event in told.items():
        written, thought = writing.lines[row].ids, sketches[row].main.history[-1]
        again = tokenizer().encode(tokenizer().decode(written))
        assert event.text == tokenizer().decode(written) and event.num_tokens == len(written)
        assert event.reencoded == (again != written)
        assert thought.data == again and thought.role is Role.THOUGHT and thought.turn == 1
    assert {event.reencoded for event in told.values()} == {True, False}
    assert all(same_as_fresh(sketch.main, wild.parts.model) for sketch in sketches)


def test_a_kept_thought_is_not_read_twice(wild: Pipeline, witness: Witness) -> None:
    """Its strand is the one that writing left; a re-encoded one went on from before it."""
    kept = {True: 0, False: 0}
    for seed in range(8):
        events = list(wild.generate(PROMPT, wild.settings.plan(turns=1), seed))
        (thought,) = [event for event in events if isinstance(event, ThoughtDone)]
        strands = witness.writings[-1].strands
        is_same = strands is not None and witness.sketches[-1].main is strands[0]
        assert is_same == (not thought.reencoded)
        kept[is_same] += 1
    assert all(kept.values())


def test_a_thought_that_hits_the_cap_says_so(pipeline: Pipeline) -> None:
    events = list(pipeline.generate(PROMPT))
    thoughts = [event for event in events if isinstance(event, ThoughtDone)]
    assert [(thought.num_tokens, thought.capped) for thought in thoughts] == [(6, True), (6, True)]
    assert [turn.capped for turn in trace_of(events).turns] == [True, True]


def ending(model: UnifiedModel, token: int) -> UnifiedModel:
    """The model, writing the end delimiter where it would have written the token."""
    with torch.no_grad():
        model.decoder.head.weight[SPECIAL.text_end] = 1.5 * model.decoder.head.weight[token]
    return model


def test_a_thought_that_ends_by_itself_is_not_capped(pipeline: Pipeline, witness: Witness) -> None:
    list(pipeline.generate(PROMPT, pipeline.settings.plan(turns=1)))
    first = witness.writings[-1].lines[0].ids[0]
    silent = pipeline_with(settings(32), ending(random_model(), first))
    events = list(silent.generate(PROMPT, silent.settings.plan(turns=1)))
    assert course(events) == "T1 1:1/2 1:2/2 I1 D"
    thought = events[0]
    assert isinstance(thought, ThoughtDone)
    assert (thought.text, thought.num_tokens, thought.capped, thought.reencoded) == ("", 0, False, False)
    assert history(witness.sketches[-1].main) == "S P1 T1"
    assert witness.sketches[-1].main.history[-1].data == ()


def test_a_picture_that_is_no_numbers_is_an_error_and_not_black() -> None:
    broken = pipeline_with(settings(32))
    for weight in broken.parts.autoencoder.parameters():
        weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="no picture"):
        trace_of(broken.generate(PROMPT, broken.settings.plan(turns=1, think=False)))
