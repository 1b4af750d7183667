from dataclasses import replace

import numpy as np
import pytest
import torch

from irg.core import Grid, Kind, Role, Segment
from irg.core.events import DenoisingStep, ImageDone, ThoughtDelta, ThoughtDone
from irg.core.trace import Trace
from irg.engine import Guidance, SeededDraws, new_strands
from irg.pipeline import Pipeline, Plan
from irg.pipeline.state import State
from irg.serve.history import History
from irg.serve.needs import Program, ReadNeed
from irg.serve.scheduler import Application, Broken
from tests.serve.stepping import Stepped, episode

PROMPTS = ["two red circles left of a blue square", "a star", "three green hearts", "a large blue square"]


@pytest.fixture
def stepped(pipeline: Pipeline) -> Stepped:
    return Stepped(pipeline)


@pytest.fixture
def plan(pipeline: Pipeline) -> Plan:
    return pipeline.settings.plan()


def alone(pipeline: Pipeline, prompt: str, plan: Plan, seed: int) -> tuple[list[str], list[np.ndarray]]:
    """What an episode comes to by itself."""
    events = list(pipeline.generate(prompt, plan, seed))
    texts = [event.text for event in events if isinstance(event, ThoughtDone)]
    return texts, [np.asarray(event.image, np.int16) for event in events if isinstance(event, ImageDone)]


def test_who_shares_the_passes_changes_nothing_but_rounding(stepped: Stepped, plan: Plan) -> None:
    """Requests of other sizes, steps, guidance and lengths come while others are under way."""
    plain = replace(plan, turns=tuple(replace(turn, guidance=Guidance(1.0)) for turn in plan.turns))
    plans = [plan, plan.with_drawing(steps=4), replace(plan, width=64), plain]
    for number, (prompt, own) in enumerate(zip(PROMPTS, plans, strict=True)):
        stepped.ask(prompt, episode(prompt, own, stepped.pipeline, seed=number))
        stepped.scheduler.step()
    assert len(stepped.scheduler.running) == 3, "some run together"
    stepped.run()
    for number, (prompt, own) in enumerate(zip(PROMPTS, plans, strict=True)):
        texts, pictures = alone(stepped.pipeline, prompt, own, number)
        assert stepped.texts(prompt) == texts and len(texts) == 2
        for ours, theirs in zip(stepped.pictures(prompt), pictures, strict=True):
            assert np.abs(ours - theirs).max() <= 1
        assert isinstance(stepped.end(prompt), History)


def test_who_runs_alone_gets_the_very_bytes(stepped: Stepped, plan: Plan) -> None:
    for number, prompt in enumerate(PROMPTS):
        stepped.ask(prompt, episode(prompt, plan, stepped.pipeline, number), alone=number % 2 == 0)
    stepped.run()
    for number in (0, 2):
        texts, pictures = alone(stepped.pipeline, PROMPTS[number], plan, number)
        assert stepped.texts(PROMPTS[number]) == texts
        assert all(map(np.array_equal, stepped.pictures(PROMPTS[number]), pictures))


def test_texts_are_written_while_pictures_are_drawn(stepped: Stepped, plan: Plan) -> None:
    slow = plan.with_drawing(steps=50)
    stepped.ask("drawn", replace(episode(PROMPTS[0], slow, stepped.pipeline), stops_at_thought=True))
    while not any(isinstance(one, DenoisingStep) for one in stepped.told.get("drawn", [])):
        stepped.scheduler.step()
    stepped.ask("written", episode(PROMPTS[1], plan, stepped.pipeline))
    num = len(stepped.told["drawn"])
    stepped.scheduler.step()
    assert isinstance(stepped.told["written"][0], ThoughtDelta)
    assert isinstance(stepped.told["drawn"][num], DenoisingStep)


def test_who_leaves_is_out_within_a_step_and_its_slots_are_free(stepped: Stepped, plan: Plan) -> None:
    slow = plan.with_drawing(steps=50)
    for ticket in ("stays", "leaves"):
        stepped.ask(ticket, episode(PROMPTS[0], slow, stepped.pipeline))
    while not isinstance(stepped.told.get("leaves", [None])[-1], DenoisingStep):
        stepped.scheduler.step()
    both = stepped.num_held
    stepped.scheduler.cancel("leaves")
    stepped.scheduler.step()
    assert stepped.num_held == both / 2
    stepped.scheduler.cancel("stays")
    assert stepped.num_held == 0 and stepped.scheduler.is_idle


def test_nothing_is_held_once_all_are_done(stepped: Stepped, plan: Plan) -> None:
    for prompt in PROMPTS:
        stepped.ask(prompt, episode(prompt, plan, stepped.pipeline))
    stepped.run()
    assert stepped.num_held == 0 and stepped.scheduler.taken == 0


def test_only_as_many_run_as_there_is_memory_for(pipeline: Pipeline, plan: Plan) -> None:
    stepped = Stepped(pipeline, budget=10)
    for ticket in "abc":
        stepped.ask(ticket, episode(PROMPTS[1], plan, pipeline), owner=ticket, footprint=5)
    stepped.scheduler.step()
    assert [*stepped.scheduler.running] == ["a", "b"] and len(stepped.scheduler.waiting) == 1
    stepped.run()
    assert all(isinstance(stepped.end(ticket), History) for ticket in "abc")
    with pytest.raises(ValueError, match="needs"):
        stepped.ask("d", episode(PROMPTS[1], plan, pipeline), footprint=11)


def test_at_most_so_many_run_and_owners_take_turns(pipeline: Pipeline, plan: Plan) -> None:
    stepped = Stepped(pipeline, most=2)
    for ticket in ("a1", "a2", "a3", "b1"):
        stepped.ask(ticket, episode(PROMPTS[1], plan, pipeline), owner=ticket[0])
    stepped.scheduler.step()
    assert [*stepped.scheduler.running] == ["a1", "b1"]


def test_what_is_wrong_with_one_is_not_the_others(stepped: Stepped, plan: Plan) -> None:
    """The pass in which it is read with another fails as a whole."""

    def wrong() -> Program:
        (strand,) = new_strands(stepped.parts.pool)
        state = State(strand, plan, SeededDraws(0), Trace("", (), 0))
        yield ReadNeed(state, (Segment(Kind.NOISY, Role.IMAGE, torch.zeros(1, 1), grid=Grid(1, 1)),))
        raise AssertionError("it was read")

    stepped.scheduler.submit(Application("wrong", "", wrong, 1))
    stepped.ask("right", episode(PROMPTS[1], plan, stepped.pipeline))
    stepped.run()
    assert isinstance(stepped.end("right"), History)
    assert isinstance(end := stepped.end("wrong"), Broken) and "never enters" in str(end.error)
    assert stepped.num_held == 0


def test_a_program_that_fails_is_told_so(stepped: Stepped) -> None:
    def failing() -> Program:
        raise ValueError("it cannot be")
        yield

    stepped.scheduler.submit(Application("it", "", failing, 1))
    stepped.scheduler.step()
    assert isinstance(end := stepped.end("it"), Broken) and str(end.error) == "it cannot be"
    assert stepped.scheduler.is_idle


@pytest.mark.parametrize("num, wanted", [(0, set()), (2, {1, 3})])
def test_previews_come_after_the_steps_that_were_asked_for(
    stepped: Stepped, plan: Plan, num: int, wanted: set[int]
) -> None:
    one = replace(plan.with_drawing(steps=4), turns=plan.with_drawing(steps=4).turns[:1])
    asked = replace(episode(PROMPTS[1], one, stepped.pipeline), previews=(num,))
    stepped.ask("it", asked)
    stepped.run()
    steps = [told for told in stepped.told["it"] if isinstance(told, DenoisingStep)]
    assert [step.index for step in steps] == [1, 2, 3, 4]
    assert {step.index for step in steps if step.preview is not None} == wanted
