from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from irg.core import Grid, Kind
from irg.core.events import DenoisingStep, Done, Event, ImageDone, ThoughtDelta, ThoughtDone
from irg.core.reading import ImageError
from irg.core.trace import Trace, png
from irg.engine import Guidance, SeededDraws, TextSampling
from irg.model import UnifiedModel
from irg.model.autoencoder import to_tokens
from irg.model.config import VisionConfig
from irg.pipeline import Pipeline, Plan, Settings
from irg.pipeline.load import NamedCheckpoint
from irg.prep import patches, to_pixels
from tests.data.small import config, settings, tokenizer
from tests.pipeline.watching import PROMPT, Witness, course, history, photo, pipeline_with, trace_of


def pictures(trace: Trace) -> list[bytes]:
    return [png(turn.image) for turn in trace.turns]


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


def test_draws_are_as_many_as_prompts(pipeline: Pipeline) -> None:
    for draws in ([], [SeededDraws(1), SeededDraws(2)]):
        with pytest.raises(ValueError, match=f"1 prompts but {len(draws)} draws"):
            pipeline.generate_batch([PROMPT], draws=draws)


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


# Questions and edits


def test_an_answer_is_streamed_and_the_image_only_looked_at(pipeline: Pipeline, witness: Witness) -> None:
    events = list(pipeline.ask(photo(128, 128), "What is in the picture?"))
    assert course(events) == "~1 T1"
    ((line,),) = witness.readings
    assert history(line.strand) == "V1 Q1" and not witness.drawings
    view, question = line.strand.history
    assert view.grid == Grid(2, 2)
    resized = photo(128, 128).resize((32, 32), Image.Resampling.BICUBIC)
    assert torch.equal(torch.as_tensor(view.data), patches(to_pixels([resized])[0], 16))
    assert question.data == tokenizer().encode("What is in the picture?")
    done = events[-1]
    assert isinstance(done, ThoughtDone)
    assert done.text == "".join(event.text for event in events if isinstance(event, ThoughtDelta))


def test_answers_depend_on_the_seed_if_warm(pipeline: Pipeline) -> None:
    def answer(seed: int, sampling: TextSampling | None) -> str:
        return str(pipeline.answer(photo(), "What?", seed, sampling=sampling))

    warm = TextSampling(1.0, max_tokens=9)
    assert answer(1, warm) == answer(1, warm) != answer(2, warm)
    assert answer(1, None) == answer(2, None), "greedy unless told otherwise"
    assert pipeline.answer(photo(), "What?", sampling=TextSampling(max_tokens=3)).num_tokens == 3


def test_a_question_is_about_several_pictures_or_none(pipeline: Pipeline, witness: Witness) -> None:
    asked = [([photo(seed=1), photo(seed=2)], "What differs?"), ([], "What is a star?"), (photo(), "What?")]
    together = {row: event.text for row, event in pipeline.ask_batch(asked) if isinstance(event, ThoughtDone)}
    lines = witness.readings[0]
    assert [history(line.strand) for line in lines] == ["V1 V1 Q1", "Q1", "V1 Q1"]
    for row, (shown, question) in enumerate(asked):
        assert str(pipeline.answer(shown, question)) == together[row]


def test_a_conversation_goes_on_from_what_was_said(pipeline: Pipeline, witness: Witness) -> None:
    first = str(pipeline.answer(photo(), "What?"))
    again = pipeline.answer(photo(), "And why?", before=[("What?", first)])
    assert history(witness.readings[-1][0].strand) == "V1 Q1 T1 Q1"
    asked, said = [(photo(), "And why?"), (photo(), "What?")], [[("What?", first)], []]
    events = list(pipeline.ask_batch(asked, befores=said))
    together = {row: event.text for row, event in events if isinstance(event, ThoughtDone)}
    assert together == {0: str(again), 1: first}
    with pytest.raises(ValueError, match="2 questions but 1 lists of what was said before"):
        pipeline.ask_batch(asked, befores=[[]])
    with pytest.raises(ValueError, match="the prompt is empty"):
        pipeline.answer(photo(), "And why?", before=[("What?", "")])


def test_episodes_that_begin_with_pictures_are_drawn_together(pipeline: Pipeline) -> None:
    shown = [photo(32, 32, seed=1), photo(32, 32, seed=2)]
    events = list(pipeline.reflect_batch(shown, [PROMPT, "a star"], seeds=[3, 4]))
    together = {row: event.trace for row, event in events if isinstance(event, Done)}
    for row, (image, prompt) in enumerate(zip(shown, (PROMPT, "a star"), strict=True)):
        alone = trace_of(pipeline.reflect(image, prompt, seed=3 + row))
        assert [turn.thought for turn in together[row].turns] == [turn.thought for turn in alone.turns]
        apart = np.asarray(together[row].image, np.int16) - np.asarray(alone.image, np.int16)
        assert np.abs(apart).max() <= 1 and together[row].turns[0].given
    with pytest.raises(ValueError, match="2 prompts but 1 images"):
        pipeline.reflect_batch(shown[:1], [PROMPT, "a star"])
    with pytest.raises(ValueError, match="several sizes"):
        pipeline.reflect_batch([shown[0], photo(64, 32)], [PROMPT, "a star"])


def test_no_question_is_no_batch(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="no questions: expected at least one"):
        pipeline.ask_batch([])


def test_a_thinking_answer_is_told_to_think_first(pipeline: Pipeline, witness: Witness) -> None:
    pipeline.answer(photo(), "What?", think=True)
    strand = witness.readings[0][0].strand
    assert history(strand) == "S V1 Q1"
    assert strand.history[0].data == tokenizer().encode(pipeline.settings.ask_prompt)


def test_a_given_picture_stands_for_that_of_the_first_turn(pipeline: Pipeline, witness: Witness) -> None:
    events = list(pipeline.reflect(photo(50, 40), PROMPT, seed=3))
    assert course(events) == "~1 T1 ~2 T2 2:1/2 2:2/2 I2 D"
    assert history(witness.sketches[0].main) == "S P1 T1 C1 V1 T2"
    first, second = trace_of(events).turns
    assert first.given and not second.given and second.image.size == (32, 32)
    assert first.image.tobytes() == photo(50, 40).resize((32, 32), Image.Resampling.BICUBIC).tobytes()
    plan = pipeline.settings.plan(3)
    silent = replace(plan, turns=(replace(plan.turns[0], think=False), *plan.turns[1:]))
    assert course(pipeline.reflect(photo(), PROMPT, silent)).startswith("~2 T2 2:1/2 2:2/2 I2 ~3 T3")
    assert history(witness.sketches[1].main) == "S P1 C1 V1 T2"
    with pytest.raises(ValueError, match="a plan of 1 turn: expected at least 2"):
        next(pipeline.reflect(photo(), PROMPT, pipeline.settings.plan(1)))


def test_seeds_may_be_numpys(pipeline: Pipeline, tmp_path: Path) -> None:
    seeds = np.arange(2)
    traces = list(pipeline.many(["a star"] * 2, pipeline.settings.plan(1), seeds, batch=1))  # type: ignore[arg-type]
    for seed, trace in enumerate(traces):
        trace.save(str(tmp_path))
        assert Trace.load(str(tmp_path)).seed == seed
        assert pictures(trace) == pictures(pipeline("a star", pipeline.settings.plan(1), seed))
    for wrong in (1 << 64, 0.5):
        with pytest.raises(ValueError, match="expected a whole number of 64 bits"):
            pipeline("a star", None, wrong)  # type: ignore[arg-type]


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
    (sketch,) = witness.sketches
    assert [history(one) for one in (sketch.main, sketch.text, sketch.image)] == ["C1 V1 P2", "C1 V1", "P2"]
    trace = trace_of(events)
    assert trace.source == source and trace.prompt == "make the circle red" and trace.seed == 3
    assert trace.system_prompt == "" and trace.turns[0].thought is None
    with torch.no_grad():
        tokens = to_tokens(pipeline.parts.autoencoder.encode(to_pixels([source])), 2)[0]
    assert torch.allclose(torch.as_tensor(sketch.main.history[0].data), tokens, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "num_patches"), [((128, 128), 1369), ((480, 320), 2035), ((640, 480), 1813)]
)
def test_given_images_are_looked_at_as_large_as_in_the_reference(
    size: tuple[int, int], num_patches: int, witness: Witness
) -> None:
    """By a checkpoint of the BAGEL family: resized for the autoencoder first, even if asked."""
    family = replace(config(), vision=VisionConfig(32, 1, 2, 32, patch=14, side=70), latent_side=64)
    usual = Settings(num_points=2, temperature=0.0, max_thought_tokens=2, edit=Guidance(text_scale=1.0))
    pipeline = pipeline_with(usual, UnifiedModel(family))
    list(pipeline.ask(photo(*size), "What?"))
    list(pipeline.edit(photo(*size), "red", usual.edit_plan(32, 32)))
    for strand in (witness.readings[0][0].strand, witness.sketches[0].main):
        (grid,) = (one.grid for one in strand.history if one.kind is Kind.VIEW)
        assert grid is not None and grid.num_tokens == num_patches


def test_a_model_trained_at_one_size_looks_at_what_it_did(witness: Witness) -> None:
    """Its two rules of resizing are one, which leaves alone what it has resized."""
    rule = NamedCheckpoint().settings.clean
    assert rule == NamedCheckpoint().settings.view
    sizes = [(width, height) for width in range(1, 600, 7) for height in range(1, 600, 7)]
    assert all(rule.size(*rule.size(*size)) == rule.size(*size) for size in sizes)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "CMYK", "YCbCr", "path", "bytes", "array"])
def test_images_come_in_any_form(mode: str, pipeline: Pipeline, tmp_path: Path) -> None:
    """Each is what its RGB form is to the model, and what the trace keeps."""
    path = tmp_path / "photo.png"
    path.write_bytes(png(photo()))
    forms = {"path": path, "bytes": path.read_bytes(), "array": np.asarray(photo())}
    given = forms[mode] if mode in forms else photo().convert(mode)
    read = photo() if mode in forms else given.convert("RGB")
    assert pictures(trace_of(pipeline.edit(given, PROMPT))) == pictures(trace_of(pipeline.edit(read, PROMPT)))
    source = trace_of(pipeline.edit(given, PROMPT)).source
    assert source is not None and source.tobytes() == read.tobytes()
    *_, one = pipeline.ask(given, PROMPT)
    *_, other = pipeline.ask(read, PROMPT)
    assert one == other


def test_what_is_no_image_is_told_before_anything_runs(pipeline: Pipeline) -> None:
    with pytest.raises(TypeError, match="is of type Tensor, expected a path, bytes, a Pillow image"):
        next(pipeline.ask(torch.zeros(3, 8, 8), PROMPT))  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=r"nowhere\.png: no such file"):
        next(pipeline.edit("nowhere.png", PROMPT))


def test_an_edit_may_think(witness: Witness) -> None:
    thinking = pipeline_with(settings(32).model_copy(update={"edit_thinks": True}))
    events = list(thinking.edit(photo(), "make the circle red"))
    assert course(events) == "~2 T2 2:1/2 2:2/2 I2 D"
    (sketch,) = witness.sketches
    contexts = [history(one) for one in (sketch.main, sketch.text, sketch.image)]
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
    assert history(witness.sketches[1].main) == "S C1 V1 P2 T2 C2 V2 T3"


def test_a_pipeline_shows_itself(pipeline: Pipeline) -> None:
    shown = pipeline._repr_html_()
    assert "small" in shown and f"{pipeline.num_parameters:,}" in shown
    assert "32 \N{MULTIPLICATION SIGN} 32 pixels" in shown and "open" in shown
    parts = pipeline.parts
    sly = Pipeline(parts.model, parts.autoencoder, parts.tokenizer, identity={"name": "<script>"})
    assert "&lt;script&gt;" in sly._repr_html_() and "<script>" not in sly._repr_html_()


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


def test_a_prompt_is_a_text(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match=r"prompt \['a star'\]: expected a text"):
        pipeline(["a star"])  # type: ignore[arg-type]


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
    assert not witness.readings and not witness.drawings


def test_seeds_must_be_as_many_as_prompts(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="2 prompts but 3 seeds"):
        pipeline.generate_batch([PROMPT, PROMPT], seeds=[1, 2, 3])


def test_a_stream_that_failed_leaves_the_pipeline_usable(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError):
        next(pipeline.generate(PROMPT, pipeline.settings.plan(width=33)))
    assert not torch.is_inference_mode_enabled()
    assert course(pipeline.generate(PROMPT, pipeline.settings.plan(1, think=False))) == "1:1/2 1:2/2 I1 D"
