"""Programs, run by the scheduler; compared with what the pipeline draws."""

from dataclasses import replace

import numpy as np
import pytest

from irg.core import Kind
from irg.core.events import ImageDone, ThoughtDone
from irg.pipeline import Pipeline, Plan
from irg.serve.course import Beginning, Episode, Resumption, WordsWanted, program
from irg.serve.history import History
from irg.serve.needs import KeepNeed
from irg.serve.scheduler import Application
from tests.pipeline.watching import pipeline_with
from tests.serve.stepping import Stepped, episode

PROMPT = "two red circles left of a blue square"


@pytest.fixture
def stepped(pipeline: Pipeline) -> Stepped:
    return Stepped(pipeline)


@pytest.fixture
def plan(pipeline: Pipeline) -> Plan:
    return pipeline.settings.plan(turns=3)


def course(stepped: Stepped, wanted: Episode, ticket: str = "it") -> History:
    stepped.ask(ticket, wanted)
    stepped.run()
    end = stepped.end(ticket)
    assert isinstance(end, History), end
    return end


def same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.abs(one - other).max() <= 1 for one, other in zip(some, others, strict=True))


def test_an_edit_is_the_pipelines(stepped: Stepped, pipeline: Pipeline) -> None:
    (picture,) = [
        e.image for e in pipeline.generate(PROMPT, pipeline.settings.plan(1)) if isinstance(e, ImageDone)
    ]
    plan = pipeline.settings.edit_plan(32, 32, think=True)
    events = list(pipeline.edit(picture, "make it blue", plan, seed=5))
    start = Beginning("make it blue", (picture,), plan.prompt_before(pipeline.settings))
    stepped.ask("it", Episode(plan, 5, start, room=256), alone=True)
    stepped.run()
    assert stepped.texts("it") == [e.text for e in events if isinstance(e, ThoughtDone)]
    drawn = [np.asarray(e.image) for e in events if isinstance(e, ImageDone)]
    assert all(map(np.array_equal, stepped.pictures("it"), drawn))


def test_an_answer_is_the_pipelines(stepped: Stepped, pipeline: Pipeline) -> None:
    (picture,) = [
        e.image for e in pipeline.generate(PROMPT, pipeline.settings.plan(1)) if isinstance(e, ImageDone)
    ]
    *_, done = pipeline.ask(picture, "how many circles are there?")
    plan = replace(pipeline.settings.plan(1), text=pipeline.settings.answer_sampling())
    wanted = WordsWanted(plan, 0, Beginning("how many circles are there?", (picture,)), room=256)
    stepped.scheduler.submit(Application("it", "", lambda: program(pipeline.parts, wanted), 1))
    stepped.run()
    assert isinstance(done, ThoughtDone) and stepped.texts("it") == [done.text]


def test_going_on_from_a_turn_is_as_if_it_had_never_stopped(stepped: Stepped, plan: Plan) -> None:
    whole = episode(PROMPT, plan, stepped.pipeline, seed=3)
    course(stepped, whole, "whole")
    first = course(stepped, replace(whole, plan=replace(plan, turns=plan.turns[:1])), "first")
    later = replace(plan, turns=plan.turns[1:])
    rest = course(stepped, Episode(later, None, Resumption(first, 0), room=400), "rest")
    assert [*stepped.texts("first"), *stepped.texts("rest")] == stepped.texts("whole")
    assert same([*stepped.pictures("first"), *stepped.pictures("rest")], stepped.pictures("whole"))
    assert [mark.turn for mark in rest.marks] == [1, 2, 3]


def test_a_person_goes_on_from_any_turn_with_words_of_her_own(stepped: Stepped, plan: Plan) -> None:
    whole = course(stepped, episode(PROMPT, plan, stepped.pipeline, seed=3), "whole")
    later = replace(plan, turns=plan.turns[1:2])
    other = Episode(later, None, Resumption(whole, 0, "Make the square red."), room=400)
    after = course(stepped, other, "other")
    assert stepped.texts("other") == [] and len(stepped.pictures("other")) == 1
    assert not same(stepped.pictures("other"), stepped.pictures("whole")[1:2])
    assert len(after.marks) == 2 and after.marks[1].drawn.thought == "Make the square red."


def test_her_words_are_read_as_the_models_own_are(stepped: Stepped, plan: Plan) -> None:
    """The thought that the model wrote, given back, leads to the picture that it led to; so does leaving the
    turn at its thought and going on from there."""
    whole = course(stepped, episode(PROMPT, plan, stepped.pipeline, seed=3), "whole")
    later = replace(plan, turns=plan.turns[1:2])
    words = stepped.texts("whole")[1]
    course(stepped, Episode(later, None, Resumption(whole, 0, words), room=400), "words")
    assert same(stepped.pictures("words"), stepped.pictures("whole")[1:2])
    left = replace(
        episode(PROMPT, replace(plan, turns=plan.turns[:2]), stepped.pipeline, seed=3), stops_at_thought=True
    )
    paused = course(stepped, left, "left")
    assert stepped.texts("left") == stepped.texts("whole")[:2] and len(stepped.pictures("left")) == 1
    for ticket, said in (("as it was", None), ("said again", words), ("changed", "Make it blue.")):
        after = course(stepped, Episode(later, None, Resumption(paused, 1, said), room=400), ticket)
        assert len(after.marks) == 2
    assert same(stepped.pictures("as it was"), stepped.pictures("whole")[1:2])
    assert same(stepped.pictures("said again"), stepped.pictures("whole")[1:2])
    assert not same(stepped.pictures("changed"), stepped.pictures("whole")[1:2])


def test_all_that_was_said_before_the_instruction_is_read(stepped: Stepped, plan: Plan) -> None:
    short = replace(plan, turns=plan.turns[:1])
    asked = episode(PROMPT, short, stepped.pipeline, seed=3)
    course(stepped, asked, "plain")
    assert isinstance(asked.start, Beginning)
    said = course(stepped, replace(asked, start=replace(asked.start, before=("on a blue ground",))), "said")
    assert [segment.role for segment in said.history][:3] == ["system", "prompt", "prompt"]
    assert not same(stepped.pictures("said"), stepped.pictures("plain"))


@pytest.mark.parametrize("world, num", [(None, 3), ("scenes", 1)])
def test_a_reflection_that_finds_nothing_wrong_ends_it(
    pipeline: Pipeline, plan: Plan, world: str, num: int
) -> None:
    """To a model of the scene world that is one that cannot be read, as all that random weights write."""
    known = pipeline.settings.model_copy(update={"world": world})
    stepped = Stepped(pipeline_with(known))
    wanted = replace(episode(PROMPT, plan, stepped.pipeline), stops_when_right=True)
    ended = course(stepped, wanted)
    assert len(stepped.pictures("it")) == num and len(stepped.texts("it")) == min(num + 1, 3)
    assert len(ended.marks) == max(num, 2), "the picture stands for that turn too"
    kept = [told.state.drawn.image for told in stepped.told["it"] if isinstance(told, KeepNeed)]
    assert kept == ([] if num == 3 else [ended.marks[0].drawn.image])
    assert ended.marks[-1].drawn.image is not None


def test_going_on_from_a_picture_that_was_kept_looks_at_it(pipeline: Pipeline, plan: Plan) -> None:
    stepped = Stepped(pipeline_with(pipeline.settings.model_copy(update={"world": "scenes"})))
    wanted = replace(episode(PROMPT, plan, stepped.pipeline), stops_when_right=True)
    ended = course(stepped, wanted)
    later = replace(plan, turns=plan.turns[2:])
    after = course(stepped, Episode(later, None, Resumption(ended, 1, "Make it blue."), room=400), "on")
    assert [segment.kind for segment in after.history[len(ended.history) :]] == [
        Kind.CLEAN,
        Kind.VIEW,
        Kind.TEXT,
    ]
    assert len(stepped.pictures("on")) == 1
