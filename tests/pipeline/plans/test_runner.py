from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from irg.core.events import Event, ImageDone, ThoughtDone
from irg.core.trace import Trace, png
from irg.engine import SeededDraws, Strand
from irg.pipeline import Pipeline, episode
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.convert import steps_of
from irg.pipeline.plans.reading import read_plan
from irg.pipeline.plans.runner import PlanRun
from irg.pipeline.state import State
from irg.pipeline.steering import Steering
from tests.data.small import settings, tokenizer
from tests.pipeline.plans.test_walk import DRAW, SEQUENCES
from tests.pipeline.test_episode import same_as_fresh
from tests.pipeline.watching import PROMPT, Witness, course, history, photo, pipeline_with, trace_of

SMALL = {"points": 3, "shift": 3.0, "text_scale": 3.0}


def small(name: str, **more: Any) -> StepPlan:
    """A shipped plan for the small model: its own system prompt, few steps and words."""
    plan = read_plan(name)
    systems: dict[str, Any] = dict.fromkeys(plan.systems, "checkpoint")
    system = "none" if plan.system == "none" else "checkpoint"
    plan = plan.changed(system=system, systems=systems, resize={}, **more)
    plan = plan.changed(size=plan.size if plan.size == "input" else "checkpoint")
    return plan.with_numbers(SMALL, {"temperature": 0.0, "max_tokens": 6})


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is written, in its order, whatever the model would write; what is left of it at the end."""
    left: list[str] = []

    def think(parts: Any, states: Sequence[State], lines: Any = None) -> Any:
        texts = [left.pop(0) for _ in states]
        ids = [tokenizer().encode(text) for text in texts]
        after = episode.read_texts(parts, states, ids, episode.Role.THOUGHT)
        for row, (state, text) in enumerate(zip(states, texts, strict=True)):
            yield row, ThoughtDone(state.turn, text, len(ids[row]), capped=False, reencoded=False)
        return tuple(
            replace(state, drawn=replace(state.drawn, thought=text, num_tokens=len(own)))
            for state, text, own in zip(after, texts, ids, strict=True)
        )

    monkeypatch.setattr("irg.pipeline.plans.runner.think", think)
    yield left
    assert not left


def images(trace: Trace) -> list[bytes]:
    return [png(turn.image) for turn in trace.turns]


def contexts(witness: Witness) -> list[tuple[str | None, ...]]:
    return [tuple(history(strand) for strand in (one.main, one.text, one.image)) for one in witness.sketches]


def last_latents(events: Iterable[Event]) -> torch.Tensor:
    return [event.latents for event in events if isinstance(event, ImageDone)][-1]


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("think", [False, True])
def test_the_steps_of_a_plan_of_turns_do_what_it_does(
    turns: int, think: bool, pipeline: Pipeline, witness: Witness
) -> None:
    plan = pipeline.settings.plan(turns, think)
    by_turns = list(pipeline.generate(PROMPT, plan))
    ours = contexts(witness)
    witness.drawings.clear()
    by_steps = list(pipeline.generate(PROMPT, steps_of(plan, pipeline.settings)))
    assert contexts(witness) == ours and course(by_steps) == course(by_turns)
    assert torch.equal(last_latents(by_steps), last_latents(by_turns))
    one, other = trace_of(by_turns), trace_of(by_steps)
    assert images(one) == images(other)
    assert [turn.thought for turn in one.turns] == [turn.thought for turn in other.turns]
    assert (one.system_prompt, one.seed) == (other.system_prompt, other.seed)


def test_what_a_plan_keeps_is_read_once(
    pipeline: Pipeline, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a plan of turns: the system prompt, the prompt, thoughts that tokenize differently, pictures, and
    of the image branch what is new."""
    read: list[int] = []
    remember = type(pipeline.parts.model).remember

    def watched(model: Any, packed: Any, attend: Any) -> None:
        read.append(packed.num_tokens)
        remember(model, packed, attend)

    monkeypatch.setattr(type(pipeline.parts.model), "remember", watched)
    plan, counts = pipeline.settings.plan(3), []
    for one in (plan, steps_of(plan, pipeline.settings)):
        list(pipeline.generate(PROMPT, one))
        counts.append(sum(read))
        read.clear()
    assert counts[1] <= counts[0]


@pytest.mark.parametrize("name", [name for name in SEQUENCES if name not in ("umm-reflection", "uni-cot")])
def test_contexts_hold_what_reading_them_afresh_would_give(
    name: str, pipeline: Pipeline, witness: Witness, scripted: list[str]
) -> None:
    scripted += SEQUENCES[name][0]
    plan = small(name)
    shown = [photo()] if plan.reads_input else None
    run = pipeline.planned(plan, [PROMPT], shown)
    for _ in run.follow():
        for strand in _strands(witness):
            assert same_as_fresh(strand, pipeline.parts.model)
    drawn = sum(line.startswith("draw") for line in SEQUENCES[name][1])
    assert len(witness.drawings) == drawn


def _strands(witness: Witness) -> list[Strand]:
    sketches = [one for drawing in witness.drawings[-1:] for one in drawing]
    return [strand for one in sketches for strand in (one.main, one.text, one.image) if strand is not None]


def test_an_empty_branch_may_have_positions_as_if_something_had_been_read(
    pipeline: Pipeline, witness: Witness, scripted: list[str]
) -> None:
    scripted += ["t", "e", *["No editing"] * 3]
    trace = trace_of(pipeline.generate(PROMPT, small("uni-cot")))
    (sketch,) = witness.sketches
    assert sketch.text is not None and (sketch.text.length, sketch.text.history) == (0, ())
    assert sketch.text.position == sketch.main.history[0].num_tokens > 0
    last = trace.turns[-1]
    assert last.kept and last.thought == "e\n\nNo editing" and trace.ending == "stopped"


def test_an_image_branch_that_is_all_that_is_read_counts(pipeline: Pipeline, witness: Witness) -> None:
    """With scales 4 and 1.5 a picture is drawn as with text scale 5.5 alone."""
    both = small("bagel-t2i").with_numbers({"text_scale": 4.0, "renorm": "none"}, {})
    alone = small("bagel-geneval").with_numbers(
        {"text_scale": 5.5, "interval": (0.4, 1.0), "renorm": "none"}, {}
    )
    latents = [last_latents(pipeline.generate(PROMPT, plan)) for plan in (both, alone)]
    assert torch.allclose(*latents, rtol=0, atol=1e-4)
    assert [one.image is None for one in witness.sketches] == [False, True]
    weaker = last_latents(pipeline.generate(PROMPT, alone.with_numbers({"text_scale": 4.0}, {})))
    assert not torch.allclose(weaker, latents[0], rtol=0, atol=1e-3)


def test_a_kept_picture_is_the_one_before_bit_for_bit(pipeline: Pipeline, scripted: list[str]) -> None:
    scripted += ["t", "Nothing is wrong."]
    plan = small("embedded").with_turns(3)
    events = list(pipeline.generate(PROMPT, plan))
    assert course(events) == "T1 1:1/2 1:2/2 I1 T2 I2 D"
    trace = trace_of(events)
    assert images(trace)[0] == images(trace)[1]
    assert [turn.kept for turn in trace.turns] == [False, True] and trace.ending == "stopped"


def test_without_its_stop_every_turn_is_drawn(pipeline: Pipeline, scripted: list[str]) -> None:
    scripted += ["t", "Nothing is wrong.", "Nothing is wrong."]
    trace = trace_of(pipeline.generate(PROMPT, small("embedded", stop_when_right=False).with_turns(3)))
    assert [turn.kept for turn in trace.turns] == [False] * 3 and trace.ending == ""


def test_an_answer_without_a_picture_is_the_trace_s(pipeline: Pipeline, scripted: list[str]) -> None:
    scripted += ["<answer>4</answer>", "four"]
    trace = trace_of(pipeline.edit(photo(), PROMPT, small("thinkmorph")))
    assert (trace.turns, trace.answer, trace.ending) == ((), "<answer>4</answer>", "stopped")
    trace = trace_of(pipeline.edit(photo(), PROMPT, small("bagel-understand")))
    assert (trace.turns, trace.answer, trace.ending) == ((), "four", "")


def test_a_malformed_text_is_told(pipeline: Pipeline, scripted: list[str]) -> None:
    scripted += ["t", "no end"]
    trace = trace_of(pipeline.generate(PROMPT, small("r3")))
    assert trace.ending == "malformed: it lacks </think>" and trace.turns[-1].kept


def test_episodes_of_a_batch_end_where_their_texts_say(pipeline: Pipeline, scripted: list[str]) -> None:
    """And each gets what it gets alone: those that draw go on in step."""
    scripted += [DRAW, "no", DRAW, "no", "no"]
    plan = small("thinkmorph")
    run = pipeline.planned(plan, [PROMPT] * 3, [photo(seed=seed) for seed in range(3)], [4, 5, 6])
    events: list[list[Event]] = [[], [], []]
    for row, event in run.follow():
        events[row].append(event)
    traces = [trace_of(one) for one in events]
    assert [len(trace.turns) for trace in traces] == [2, 0, 2]
    scripted += [DRAW, "no"]
    alone = trace_of(event for _, event in pipeline.planned(plan, [PROMPT], [photo(seed=2)], [6]).follow())
    assert images(alone) == images(traces[2])


def test_a_given_beginning_and_choices_are_what_is_written() -> None:
    warm = pipeline_with(settings(32).model_copy(update={"temperature": 1.0, "max_thought_tokens": 4}))
    step = {
        "write": "T",
        "reads": ["prompt"],
        "prefix": "a {round} red ",
        "choose": ["star", "circle", "heart"],
    }
    plan = StepPlan.model_validate({"plan": 1, "first": [step], "returns": "text"})
    found = set()
    for seed in range(12):
        answer = trace_of(warm.generate(PROMPT, plan, seed)).answer
        assert answer is not None and answer.startswith("a 0 red ")
        found.add(answer.removeprefix("a 0 red ").split()[0][:4])
    assert {one for one in ("star", "circ", "hear")} >= found and len(found) > 1


def test_a_new_attempt_has_other_numbers_and_warmer_words(pipeline: Pipeline, witness: Witness) -> None:
    plan = small("vbvr-thinkmorph").changed(retry={"attempts": 3, "temperature_step": 0.4, "max_tokens": 3})
    trace = trace_of(pipeline.edit(photo(), PROMPT, plan))
    assert [line.sampling.temperature for (line,) in witness.readings] == [0.0, 0.4, 0.8]
    assert [line.sampling.max_tokens for (line,) in witness.readings] == [6, 3, 3]
    draws = [line.draws for (line,) in witness.readings]
    assert all(isinstance(one, SeededDraws) for one in draws) and len({id(one) for one in draws}) == 3
    assert trace.answer is not None and not trace.turns


def test_whoever_asks_has_a_say(pipeline: Pipeline, scripted: list[str]) -> None:
    scripted += ["t", "r"]
    plan = small("irg").with_turns(3)
    trace = pipeline(
        PROMPT, plan, revise=lambda trace, text: f"{text}!", until=lambda trace: len(trace.turns) == 2
    )
    assert [(turn.thought, turn.revised) for turn in trace.turns] == [("t!", True), ("r!", True)]


def test_turns_say_what_they_took(pipeline: Pipeline) -> None:
    run = pipeline.planned(small("irg"), [PROMPT])
    list(run.follow())
    first, second = run.turns[0]
    assert first.evaluations and second.evaluations > first.evaluations
    assert first.num_tokens and {*first.seconds} == {"thought", "drawing", "decoding"}


def test_a_trace_is_replayed_by_its_own_plan(pipeline: Pipeline) -> None:
    for trace in (
        pipeline(PROMPT, small("irg"), seed=3),
        trace_of(pipeline.edit(photo(), PROMPT, small("bagel-edit"), seed=3)),
    ):
        assert images(trace_of(pipeline.replay(trace))) == images(trace)


def test_a_plan_is_named(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="nowhere: no such plan"):
        pipeline(PROMPT, "nowhere")
    with pytest.raises(ValueError, match="the plan reads a picture"):
        pipeline(PROMPT, "bagel-edit")
    with pytest.raises(ValueError, match="the plan reads none"):
        list(pipeline.edit(photo(), PROMPT, "irg"))
    with pytest.raises(ValueError, match="the prompt is empty"):
        pipeline(" ", "irg")
    with pytest.raises(ValueError, match="must be multiples"):
        pipeline(PROMPT, small("irg").changed(size=(33, 32)))


def test_inference_mode_is_never_on_in_the_callers_code(pipeline: Pipeline) -> None:
    seen = []
    steering = Steering(lambda trace, text: seen.append(torch.is_inference_mode_enabled()) or text, None)
    run: PlanRun = pipeline.planned(small("irg"), [PROMPT], steering=steering)
    for _ in run.follow():
        assert not torch.is_inference_mode_enabled()
    assert seen == [False, False]
