from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from PIL import Image

from irg.core import BranchKind, Document, Grid, Kind, Role, Segment, keeps, pack
from irg.core.events import DenoisingStep, Done, Event, ImageDone, ThoughtDelta, ThoughtDone
from irg.core.trace import Trace, png
from irg.data.compose import Dropout, dropped
from irg.data.learning import Mode
from irg.engine import Canvas, Context, SeededDraws, Writing, append, denoise, new_context, write
from irg.model import PaddedAttend, UnifiedModel
from irg.model.autoencoder import from_tokens, to_tokens
from irg.pipeline import Pipeline, Plan, Settings, episode
from irg.prep import patches, to_pixels, to_uint8
from tests.data.drawn import drawn
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

PROMPT = "two red circles left of a blue square"
SPECIAL = tokenizer().special


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return pipeline_with(settings(32))


def pipeline_with(wanted: Settings, model: UnifiedModel | None = None) -> Pipeline:
    model = (model or random_model()).eval()
    return Pipeline(model, random_autoencoder().eval(), tokenizer(), wanted, {"name": "small"})


@dataclass
class Witness:
    """What the pipeline handed to the engine, and what came back of texts."""

    canvases: list[Canvas] = field(default_factory=list)
    readings: list[Context] = field(default_factory=list)
    writings: list[Writing] = field(default_factory=list)

    def denoise(self, model: UnifiedModel, canvas: Canvas, *rest: object) -> Iterator[object]:
        self.canvases.append(canvas)
        return denoise(model, canvas, *rest)  # type: ignore[arg-type]

    def write(self, model: UnifiedModel, context: Context, *rest: object) -> Iterator[Writing]:
        self.readings.append(context)
        for writing in write(model, context, *rest):  # type: ignore[arg-type]
            yield writing
            if writing.context is not None:
                self.writings.append(writing)


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    """Stands between the pipeline and the engine, passes everything on and remembers it."""
    watching = Witness()
    monkeypatch.setattr(episode, "denoise", watching.denoise)
    monkeypatch.setattr(episode, "write", watching.write)
    return watching


def course(events: Iterable[Event]) -> str:
    """Events drawn: `~` text deltas, `T` thought, `i/n` step, `I` image, each with its turn; `D` done."""
    marks: list[str] = []
    for event in events:
        match event:
            case ThoughtDelta(turn):
                mark = f"~{turn}"
            case ThoughtDone(turn):
                mark = f"T{turn}"
            case DenoisingStep(turn, index, total):
                mark = f"{turn}:{index}/{total}"
            case ImageDone(turn):
                mark = f"I{turn}"
            case Done():
                mark = "D"
        if not marks or marks[-1] != mark or not mark.startswith("~"):
            marks.append(mark)
    return " ".join(marks)


def trace_of(events: Iterable[Event]) -> Trace:
    (done,) = [event for event in events if isinstance(event, Done)]
    return done.trace


def pictures(trace: Trace) -> list[bytes]:
    return [png(turn.image) for turn in trace.turns]


def photo(width: int = 32, height: int = 32, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def history(context: Context | None, row: int = 0) -> str | None:
    return None if context is None else drawn(context.history[row])


# What is streamed


@pytest.mark.parametrize(
    ("turns", "think", "expected"),
    [
        (1, False, "1:1/2 1:2/2 I1 D"),
        (1, True, "~1 T1 1:1/2 1:2/2 I1 D"),
        (2, True, "~1 T1 1:1/2 1:2/2 I1 ~2 T2 2:1/2 2:2/2 I2 D"),
        (2, False, "1:1/2 1:2/2 I1 2:1/2 2:2/2 I2 D"),
        (3, True, "~1 T1 1:1/2 1:2/2 I1 ~2 T2 2:1/2 2:2/2 I2 ~3 T3 3:1/2 3:2/2 I3 D"),
    ],
)
def test_plans_stream_their_events_in_order(
    turns: int, think: bool, expected: str, pipeline: Pipeline
) -> None:
    plan = pipeline.settings.plan(turns, think)
    assert course(pipeline.generate(PROMPT, plan)) == expected


def test_two_turns_with_thoughts_are_the_default(pipeline: Pipeline) -> None:
    assert course(pipeline.generate(PROMPT)) == course(
        pipeline.generate(PROMPT, pipeline.settings.plan(2, think=True))
    )


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


def test_inference_mode_is_never_on_in_the_callers_code(pipeline: Pipeline) -> None:
    streams: list[Iterator[object]] = [
        pipeline.generate(PROMPT),
        pipeline.edit(photo(), PROMPT),
        pipeline.ask(photo(), PROMPT),
        pipeline.generate_batch([PROMPT, "a star"]),
    ]
    for stream in streams:
        count = 0
        for _ in stream:
            assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
            count += 1
        assert count > 1
        assert not torch.is_inference_mode_enabled()


def test_a_stream_may_be_closed_early_and_leaves_nothing_behind(pipeline: Pipeline) -> None:
    whole = pictures(trace_of(pipeline.generate(PROMPT)))
    for num_events in (1, 4, 8, 11):
        stream = pipeline.generate(PROMPT)
        for _ in range(num_events):
            next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert not torch.is_inference_mode_enabled()
    assert pictures(trace_of(pipeline.generate(PROMPT))) == whole


def test_two_streams_at_once_do_not_meet(pipeline: Pipeline) -> None:
    prompts = (PROMPT, "a green heart")
    alone = [pictures(trace_of(pipeline.generate(prompt))) for prompt in prompts]
    streams = [pipeline.generate(prompt) for prompt in prompts]
    events: list[list[Event]] = [[], []]
    for pair in zip(*streams, strict=True):
        for row, event in enumerate(pair):
            events[row].append(event)
    assert [pictures(trace_of(row)) for row in events] == alone


# Seeds and batches


def test_a_seed_gives_the_same_bytes_and_another_gives_others(pipeline: Pipeline) -> None:
    one, same, other = (trace_of(pipeline.generate(PROMPT, seed=seed)) for seed in (1, 1, 2))
    assert pictures(one) == pictures(same)
    assert [turn.thought for turn in one.turns] == [turn.thought for turn in same.turns]
    assert all(ours != theirs for ours, theirs in zip(pictures(one), pictures(other), strict=True))


def test_a_seed_also_fixes_sampled_thoughts() -> None:
    warm = pipeline_with(settings(32).model_copy(update={"temperature": 1.0}))
    thoughts = [
        [turn.thought for turn in trace_of(warm.generate(PROMPT, seed=seed)).turns] for seed in (1, 1, 2)
    ]
    assert thoughts[0] == thoughts[1] != thoughts[2]


def test_the_global_random_state_is_left_alone(pipeline: Pipeline) -> None:
    before = torch.get_rng_state()
    list(pipeline.generate(PROMPT, seed=5))
    assert torch.equal(torch.get_rng_state(), before)


def test_given_draws_replace_those_of_the_seed(pipeline: Pipeline) -> None:
    batch = pipeline.generate_batch([PROMPT], seeds=[1], draws=[SeededDraws(2)])
    given = trace_of(event for _, event in batch)
    assert pictures(given) == pictures(trace_of(pipeline.generate(PROMPT, seed=2)))


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_batch_gives_each_episode_what_it_gets_alone(temperature: float) -> None:
    """Prompts, and so contexts, of different lengths, in step; sampled texts draw from their own seeds."""
    pipeline = pipeline_with(settings(32).model_copy(update={"temperature": temperature}))
    prompts, seeds = (PROMPT, "a star", "a big blue heart above a tiny star"), (4, 9, 1)
    together: list[list[Event]] = [[], [], []]
    for row, event in pipeline.generate_batch(prompts, pipeline.settings.plan(turns=2), seeds):
        together[row].append(event)
    for row, prompt in enumerate(prompts):
        alone = list(pipeline.generate(prompt, pipeline.settings.plan(turns=2), seeds[row]))
        assert course(alone) == course(together[row])
        latents = [
            [event.latents for event in events if isinstance(event, DenoisingStep | ImageDone)]
            for events in (alone, together[row])
        ]
        for one, other in zip(*latents, strict=True):
            assert torch.allclose(one, other, rtol=0, atol=1e-4)
        one, other = trace_of(alone), trace_of(together[row])
        assert (one.prompt, one.seed) == (other.prompt, other.seed) == (prompt, seeds[row])
        assert [turn.thought for turn in one.turns] == [turn.thought for turn in other.turns]


def test_seeds_of_a_batch_count_up_unless_given(pipeline: Pipeline) -> None:
    batch = [event for _, event in pipeline.generate_batch([PROMPT, PROMPT])]
    seeds = [event.trace.seed for event in batch if isinstance(event, Done)]
    assert seeds == [0, 1]


# What the model has read when it draws


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
    got = [(history(one.main), history(one.text), history(one.image)) for one in witness.canvases]
    assert got == expected


def test_the_text_branch_is_a_shorter_view_of_the_main_context(pipeline: Pipeline, witness: Witness) -> None:
    list(pipeline.generate(PROMPT, pipeline.settings.plan(3)))
    for turn, canvas in enumerate(witness.canvases, start=1):
        main, text = canvas.main, canvas.text
        assert text is not None and text.buffer is main.buffer
        kept = tuple(one for one in main.history[0] if keeps(BranchKind.TEXT, one, turn))
        assert text.history[0] == kept  # segments are equal only if they are the same object
        assert text.lengths[0] == sum(segment.num_tokens for segment in kept) < main.lengths[0]


def test_the_image_branch_is_a_context_of_texts_of_its_own(pipeline: Pipeline, witness: Witness) -> None:
    list(pipeline.generate(PROMPT, pipeline.settings.plan(3)))
    images = [canvas.image for canvas in witness.canvases]
    assert images[0] is None
    for canvas, image in zip(witness.canvases[1:], images[1:], strict=True):
        assert image is not None and image.buffer is not canvas.main.buffer
        assert all(segment.kind is Kind.TEXT for segment in image.history[0])
        # Contiguous: no positions are left out where the images were.
        assert image.positions == image.lengths == (sum(one.num_tokens for one in image.history[0]),)


def test_branches_that_would_change_nothing_are_not_made(pipeline: Pipeline, witness: Witness) -> None:
    plan = pipeline.settings.plan(2)
    plain = [
        replace(turn, guidance=replace(turn.guidance, text_scale=1, image_scale=1)) for turn in plan.turns
    ]
    list(pipeline.generate(PROMPT, replace(plan, turns=tuple(plain))))
    assert [(canvas.text, canvas.image) for canvas in witness.canvases] == [(None, None), (None, None)]
    first = replace(plan.turns[0], guidance=replace(plan.turns[0].guidance, image_scale=3.0))
    list(pipeline.generate(PROMPT, replace(plan, turns=(first,))))
    assert witness.canvases[-1].image is None, "the first turn has no image to leave out"


def same_as_fresh(context: Context, model: UnifiedModel) -> bool:
    """Whether cached keys and values are those of reading the history in one go."""
    fresh = append(model, new_context(model, context.num_rows), context.history, SPECIAL)
    same = (fresh.lengths, fresh.positions) == (context.lengths, context.positions)
    return same and all(
        torch.allclose(
            fresh.buffer.pairs[:, :, row, :length],
            context.buffer.pairs[:, :, row, :length],
            rtol=0,
            atol=1e-4,
        )
        for row, length in enumerate(context.lengths)
    )


def test_contexts_hold_what_reading_their_history_afresh_would_give(witness: Witness) -> None:
    pipeline = pipeline_with(settings(32).model_copy(update={"temperature": 1.0}))
    stream = pipeline.generate_batch([PROMPT, "a star"], pipeline.settings.plan(3), [3, 4])
    checked = 0
    for _, event in stream:
        if isinstance(event, DenoisingStep) and event.index == 1:
            canvas = witness.canvases[-1]
            with torch.inference_mode():
                for context in (canvas.main, canvas.text, canvas.image):
                    assert context is None or same_as_fresh(context, pipeline.parts.model)
                    checked += context is not None
    assert checked > 10


def test_a_drawn_picture_is_read_back_from_its_pixels(pipeline: Pipeline, witness: Witness) -> None:
    """As everyone would see it, truncated to eight bits; not from the latents it was decoded from."""
    trace = trace_of(pipeline.generate(PROMPT))
    clean, view = (one for one in witness.canvases[1].main.history[0] if one.kind is not Kind.TEXT)
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
    assert witness.canvases[0].grids == (Grid(2, 4),)


# What guidance evaluates is what condition dropout leaves of a training document


def drawing(context: Context, turn: int) -> list[Segment]:
    """What a context holds, and the picture that is being drawn, as a training document has it."""
    target = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    noisy = Segment(Kind.NOISY, Role.IMAGE, target, turn=turn, grid=Grid(2, 2), timestep=0.5, target=target)
    return [*context.history[0], noisy]


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
    canvas = witness.canvases[-1]
    # Where the branch would be the main context itself, guidance does without it.
    context = (canvas.text if branch == "text" else canvas.image) or canvas.main
    dropout = Dropout(text=float(branch == "text"), image=float(branch == "image"))
    generator = torch.Generator().manual_seed(0)
    turn = 2 if mode in (Mode.EDIT, Mode.IMPROVING_FULL) else 1
    document = Document(tuple(dropped(drawing(canvas.main, turn), dropout, generator)))
    *left, noisy = document
    assert same_segments(left, context.history[0])

    model = pipeline.parts.model
    row, tip = pack([document], SPECIAL), pack([Document((noisy,))], SPECIAL, context.positions)
    assert tip.position_T.tolist() == row.position_T[-tip.num_tokens :].tolist()
    with torch.inference_mode():
        in_training = model.velocity(row, PaddedAttend(row))[-4:]
        at_inference = model.velocity(tip, PaddedAttend(tip, context.reader()))
    assert torch.allclose(in_training, at_inference, rtol=0, atol=1e-5)


# Thoughts


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
    (canvas,), (writing,) = witness.canvases, witness.writings
    for row, event in told.items():
        written, thought = writing.ids[row], canvas.main.history[row][-1]
        again = tokenizer().encode(tokenizer().decode(written))
        assert event.text == tokenizer().decode(written) and event.num_tokens == len(written)
        assert event.reencoded == (again != written)
        assert thought.data == again and thought.role is Role.THOUGHT and thought.turn == 1
    assert {event.reencoded for event in told.values()} == {True, False}
    with torch.inference_mode():
        assert same_as_fresh(canvas.main, wild.parts.model)


def test_a_kept_thought_is_not_read_twice(wild: Pipeline, witness: Witness) -> None:
    """Its context is the one that writing left; a re-encoded one gave those slots up."""
    kept = {True: 0, False: 0}
    for seed in range(8):
        events = list(wild.generate(PROMPT, wild.settings.plan(turns=1), seed))
        (thought,) = [event for event in events if isinstance(event, ThoughtDone)]
        same_context = witness.canvases[-1].main is witness.writings[-1].context
        assert same_context == (not thought.reencoded)
        kept[same_context] += 1
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
    first = witness.writings[-1].ids[0][0]
    silent = pipeline_with(settings(32), ending(random_model(), first))
    events = list(silent.generate(PROMPT, silent.settings.plan(turns=1)))
    assert course(events) == "T1 1:1/2 1:2/2 I1 D"
    thought = events[0]
    assert isinstance(thought, ThoughtDone)
    assert (thought.text, thought.num_tokens, thought.capped, thought.reencoded) == ("", 0, False, False)
    assert history(witness.canvases[-1].main) == "S P1 T1"
    assert witness.canvases[-1].main.history[0][-1].data == ()


# Questions and edits


def test_an_answer_is_streamed_and_the_image_only_looked_at(pipeline: Pipeline, witness: Witness) -> None:
    events = list(pipeline.ask(photo(128, 128), "What is in the picture?"))
    assert course(events) == "~1 T1"
    (context,) = witness.readings
    assert history(context) == "V1 Q1" and not witness.canvases
    view, question = context.history[0]
    assert view.grid == Grid(2, 2)
    resized = photo(128, 128).resize((32, 32), Image.Resampling.BICUBIC)
    assert torch.equal(torch.as_tensor(view.data), patches(to_pixels([resized])[0], 16))
    assert question.data == tokenizer().encode("What is in the picture?")
    done = events[-1]
    assert isinstance(done, ThoughtDone)
    assert done.text == "".join(event.text for event in events if isinstance(event, ThoughtDelta))


def test_answers_depend_on_the_image_and_on_the_seed_if_warm() -> None:
    warm = pipeline_with(settings(32).model_copy(update={"temperature": 1.0}))

    def answer(image: Image.Image, seed: int) -> str:
        *_, done = warm.ask(image, "What?", seed)
        assert isinstance(done, ThoughtDone)
        return done.text

    assert answer(photo(), 1) == answer(photo(), 1) != answer(photo(), 2)


def test_questions_in_a_batch_are_answered_as_alone(pipeline: Pipeline) -> None:
    asked = [(photo(seed=1), "What is in the picture?"), (photo(seed=2), "How many stars are there?")]
    answers = {
        row: event.text for row, event in pipeline.ask_batch(asked, [5, 6]) if isinstance(event, ThoughtDone)
    }
    for row, (image, question) in enumerate(asked):
        *_, done = pipeline.ask(image, question, 5 + row)
        assert isinstance(done, ThoughtDone) and done.text == answers[row]


def test_the_image_matters_to_the_answer(pipeline: Pipeline, witness: Witness) -> None:
    for seed in (1, 2):
        list(pipeline.ask(photo(seed=seed), "What?"))
    one, other = (writing.logits_RV for writing in witness.writings)
    assert not torch.allclose(one, other, atol=1e-6)


def test_an_edit_reads_the_image_and_is_guided_by_the_instruction(
    pipeline: Pipeline, witness: Witness
) -> None:
    source = photo()
    events = list(pipeline.edit(source, "make the circle red", seed=3))
    assert course(events) == "2:1/2 2:2/2 I2 D"
    (canvas,) = witness.canvases
    assert [history(one) for one in (canvas.main, canvas.text, canvas.image)] == ["C1 V1 P2", "C1 V1", "P2"]
    trace = trace_of(events)
    assert trace.source is source and trace.prompt == "make the circle red" and trace.seed == 3
    assert trace.system_prompt == "" and trace.turns[0].thought is None
    with torch.no_grad():
        tokens = to_tokens(pipeline.parts.autoencoder.encode(to_pixels([source])), 2)[0]
    assert torch.allclose(torch.as_tensor(canvas.main.history[0][0].data), tokens, rtol=0, atol=1e-6)


def test_an_edit_may_think(witness: Witness) -> None:
    thinking = pipeline_with(settings(32).model_copy(update={"edit_thinks": True}))
    events = list(thinking.edit(photo(), "make the circle red"))
    assert course(events) == "~2 T2 2:1/2 2:2/2 I2 D"
    (canvas,) = witness.canvases
    contexts = [history(one) for one in (canvas.main, canvas.text, canvas.image)]
    assert contexts == ["S C1 V1 P2 T2", "S C1 V1", "S P2 T2"]
    assert trace_of(events).system_prompt == thinking.settings.system_prompt


def test_an_edit_has_the_images_size_unless_another_is_planned(pipeline: Pipeline) -> None:
    wide = pipeline_with(settings(64).model_copy(update={"clean": replace(settings(64).clean, min_side=16)}))
    for source, expected in (
        (photo(64, 32), (64, 32)),
        (photo(130, 67), (64, 32)),
        (photo(16, 40), (16, 32)),
    ):
        assert trace_of(wide.edit(source, PROMPT)).turns[0].image.size == expected
    planned = trace_of(pipeline.edit(photo(), PROMPT, pipeline.settings.edit_plan(32, 16)))
    assert planned.turns[0].image.size == (32, 16)


def test_an_edit_may_have_more_turns(pipeline: Pipeline, witness: Witness) -> None:
    plan = pipeline.settings.plan(turns=2)
    events = list(pipeline.edit(photo(), PROMPT, plan))
    assert course(events) == "~2 T2 2:1/2 2:2/2 I2 ~3 T3 3:1/2 3:2/2 I3 D"
    assert history(witness.canvases[1].main) == "S C1 V1 P2 T2 C2 V2 T3"


# The trace


def test_the_trace_tells_how_to_do_it_again(pipeline: Pipeline) -> None:
    plan = pipeline.settings.plan(turns=2)
    events = list(pipeline.generate(PROMPT, plan, seed=8))
    trace = trace_of(events)
    assert (trace.prompt, trace.seed, trace.model) == (PROMPT, 8, {"name": "small"})
    assert trace.settings == plan.as_json() and trace.source is None
    assert trace.system_prompt == pipeline.settings.system_prompt
    thoughts = [event.text for event in events if isinstance(event, ThoughtDone)]
    images = [event.image for event in events if isinstance(event, ImageDone)]
    assert [turn.thought for turn in trace.turns] == thoughts
    assert all(turn.image is image for turn, image in zip(trace.turns, images, strict=True))
    for turn in trace.turns:
        assert turn.seconds.keys() == {"thought", "drawing", "decoding"}
        assert all(0 < seconds < 60 for seconds in turn.seconds.values())


def test_without_thoughts_there_is_no_system_prompt(pipeline: Pipeline) -> None:
    trace = trace_of(pipeline.generate(PROMPT, pipeline.settings.plan(turns=1, think=False)))
    assert trace.system_prompt == "" and trace.turns[0].thought is None and not trace.turns[0].capped
    assert trace.turns[0].seconds.keys() == {"drawing", "decoding"}


# What is refused


@pytest.mark.parametrize("prompt", ["", "  \n\t"])
def test_an_empty_prompt(prompt: str, pipeline: Pipeline) -> None:
    for stream in (pipeline.generate(prompt), pipeline.edit(photo(), prompt), pipeline.ask(photo(), prompt)):
        with pytest.raises(ValueError, match="empty"):
            next(stream)
    with pytest.raises(ValueError, match="empty"):
        pipeline.generate_batch([PROMPT, prompt])


def test_a_prompt_that_is_too_long_is_told_with_both_numbers(pipeline: Pipeline) -> None:
    just_fits, too_long = "a" + 19 * " red", "a" + 20 * " red"
    next(pipeline.generate(just_fits))
    for stream in (
        pipeline.generate(too_long),
        pipeline.edit(photo(), too_long),
        pipeline.ask(photo(), too_long),
    ):
        with pytest.raises(ValueError, match="21 tokens, this model takes up to 20"):
            next(stream)


@pytest.mark.parametrize(("width", "height"), [(33, 32), (32, 24), (144, 32)])
def test_a_size_that_cannot_be_drawn_is_told_before_anything_happens(
    width: int, height: int, pipeline: Pipeline, witness: Witness
) -> None:
    plan: Plan = pipeline.settings.plan(width=width, height=height)
    for stream in (pipeline.generate(PROMPT, plan), pipeline.edit(photo(), PROMPT, plan)):
        with pytest.raises(ValueError, match=f"{width}x{height}"):
            next(stream)
    assert not witness.readings and not witness.canvases


def test_seeds_must_be_as_many_as_prompts(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="2 prompts but 3 seeds"):
        pipeline.generate_batch([PROMPT, PROMPT], seeds=[1, 2, 3])


def test_a_stream_that_failed_leaves_the_pipeline_usable(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError):
        next(pipeline.generate(PROMPT, pipeline.settings.plan(width=33)))
    assert not torch.is_inference_mode_enabled()
    assert course(pipeline.generate(PROMPT, pipeline.settings.plan(1, think=False))) == "1:1/2 1:2/2 I1 D"
