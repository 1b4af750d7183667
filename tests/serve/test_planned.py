"""Episodes of plans of steps, run by the scheduler; compared with what the pipeline makes of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from irg.core.events import DenoisingStep, Done, ImageDone, ThoughtDone
from irg.core.shipped import PLAN, shipped
from irg.core.trace import png
from irg.pipeline import Pipeline
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.course import PlanCourse
from irg.pipeline.plans.extent import PlanExtent
from irg.pipeline.plans.start import settled
from irg.pipeline.plans.systems import system_texts
from irg.serve.history import PlanHistory
from irg.serve.memory import Sizes
from irg.serve.needs import KeepNeed
from irg.serve.planned import PlanBeginning, PlannedEpisode, PlanResumption
from tests.pipeline.plans.test_runner import small
from tests.pipeline.watching import photo
from tests.serve.stepping import Stepped, episode

PROMPT = "two red circles left of a blue square"


@pytest.fixture
def stepped(pipeline: Pipeline) -> Stepped:
    return Stepped(pipeline)


def asked(pipeline: Pipeline, plan: StepPlan, seed: int = 0, **more: Any) -> PlannedEpisode:
    """Of a plan, with a picture where it reads one."""
    given = (photo(32, 32),) if plan.reads_input else ()
    return PlannedEpisode(settled(plan, pipeline.settings), seed, PlanBeginning(PROMPT, given), 512, **more)


def ended(stepped: Stepped, wanted: PlannedEpisode, ticket: str = "it", alone: bool = True) -> PlanHistory:
    stepped.ask(ticket, wanted, alone=alone)
    stepped.run()
    end = stepped.end(ticket)
    assert isinstance(end, PlanHistory), end
    return end


@pytest.mark.parametrize("name", shipped(PLAN))
def test_every_plan_comes_to_what_the_pipeline_makes_of_it(stepped: Stepped, name: str) -> None:
    """To the bit, where a request runs alone, and within the memory that it was said to take."""
    pipeline, plan = stepped.pipeline, small(name)
    wanted = asked(pipeline, plan, seed=3)
    assert isinstance(wanted.start, PlanBeginning)
    stepped.ask("it", wanted, alone=True)
    most = 0
    while not stepped.scheduler.is_idle:
        stepped.scheduler.step()
        most = max(most, sum(slab.pairs.nbytes for slab in stepped.parts.pool))
    shown = [wanted.start.pictures] if wanted.start.pictures else None
    events = [event for _, event in pipeline.planned(plan, [PROMPT], shown, [3]).follow()]
    drawn = [event.image for event in events if isinstance(event, ImageDone) and not event.kept]
    assert stepped.texts("it") == [event.text for event in events if isinstance(event, ThoughtDone)]
    ours = [event.image for event in stepped.told["it"] if isinstance(event, ImageDone)]
    assert [png(one) for one in ours] == [png(one) for one in drawn]
    kept = [told for told in stepped.told["it"] if isinstance(told, KeepNeed)]
    assert len(kept) == sum(isinstance(event, ImageDone) and event.kept for event in events)
    end = stepped.end("it")
    assert isinstance(end, PlanHistory)
    del end, kept
    texts = system_texts(wanted.plan, pipeline.settings.system_prompt)
    config, tokenizer = pipeline.parts.model.config, pipeline.parts.tokenizer
    inputs = [one.size for one in wanted.start.pictures]
    extent = PlanExtent(wanted.plan, pipeline.settings, config, tokenizer, PROMPT, texts, inputs)
    assert most <= Sizes(config, pipeline.settings, torch.float32).plan_footprint(extent)


def test_plans_share_passes_with_each_other_and_with_plans_of_turns(stepped: Stepped) -> None:
    pipeline = stepped.pipeline
    names = ["irg", "bagel-t2i", "r3", "irg"]
    for number, name in enumerate(names):
        stepped.ask(f"{number}", asked(pipeline, small(name), seed=number))
        stepped.ask(f"turns {number}", episode(PROMPT, pipeline.settings.plan(2), pipeline, number))
        stepped.scheduler.step()
    assert len(stepped.scheduler.running) > 4, "they run together"
    stepped.run()
    for number, name in enumerate(names):
        (trace,) = [
            event.trace
            for _, event in pipeline.planned(small(name), [PROMPT], None, [number]).follow()
            if isinstance(event, Done)
        ]
        drawn = [np.asarray(turn.image, np.int16) for turn in trace.turns if not turn.kept]
        pairs = zip(stepped.pictures(f"{number}"), drawn, strict=True)
        assert all(np.abs(one - other).max() <= 1 for one, other in pairs)
    stepped.told.clear()
    assert stepped.num_held == 0, "all that they held is free"


def test_going_on_from_a_turn_is_as_if_it_had_never_stopped(stepped: Stepped) -> None:
    plan = small("irg").with_turns(3)
    whole = asked(stepped.pipeline, plan, seed=3)
    ended(stepped, whole, "whole")
    first = ended(stepped, replace(whole, plan=whole.plan.with_turns(1)), "first")
    rest = ended(stepped, replace(whole, seed=None, start=PlanResumption(first, 0)), "rest")
    assert [*stepped.texts("first"), *stepped.texts("rest")] == stepped.texts("whole")
    together = zip(
        [*stepped.pictures("first"), *stepped.pictures("rest")], stepped.pictures("whole"), strict=True
    )
    assert all(np.abs(one - other).max() <= 1 for one, other in together)
    assert len(rest.marks) == 3


def test_after_a_new_attempt_it_is_gone_on_with_the_random_numbers_of_that(
    stepped: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlanCourse, "_stops", lambda course, step, text: course.attempt == 0)
    plan = small("irg").changed(retry={"attempts": 2, "seed_step": 5})
    whole = asked(stepped.pipeline, plan, seed=3)
    ended(stepped, whole, "whole")
    first = ended(stepped, replace(whole, plan=whole.plan.with_turns(1)), "first")
    ended(stepped, replace(whole, seed=None, start=PlanResumption(first, 0)), "rest")
    (picture,) = stepped.pictures("rest")
    assert np.abs(picture - stepped.pictures("whole")[1]).max() <= 1


def test_a_person_says_another_text_after_a_picture_or_before_it(stepped: Stepped) -> None:
    whole = asked(stepped.pipeline, small("irg").with_drawing(steps=6), seed=3)
    first = ended(stepped, whole, "whole")
    words = stepped.texts("whole")[1]
    left = ended(stepped, replace(whole, stops_at_thought=True), "left")
    assert stepped.texts("left") == stepped.texts("whole") and len(stepped.pictures("left")) == 1
    for ticket, start in (
        ("said", PlanResumption(first, 0, words)),
        ("left as it was", PlanResumption(left, 1)),
        ("left and said", PlanResumption(left, 1, words)),
        ("other", PlanResumption(left, 1, "Make all the squares blue, and draw three hearts.")),
    ):
        after = ended(stepped, replace(whole, seed=None, start=start), ticket)
        assert stepped.texts(ticket) == [] and len(after.marks) == 2
        (picture,) = stepped.pictures(ticket)
        apart = np.abs(picture - stepped.pictures("whole")[1]).max()
        assert apart > 1 if ticket == "other" else apart <= 1, (ticket, apart)


def test_a_text_that_ends_a_plan_keeps_the_picture_or_is_the_answer(stepped: Stepped) -> None:
    stops = small("irg").changed(stop_when_right=True)
    repeat = [stops.repeat[0].changed_by({"stop_if": {"lacks": ["never said"]}}), *stops.repeat[1:]]
    wanted = asked(stepped.pipeline, stops.changed(repeat=repeat))
    kept = ended(stepped, wanted, "kept")
    assert len(stepped.pictures("kept")) == 1 and len(kept.marks) == 2 and kept.answer is None
    assert kept.marks[1].drawn.image == kept.marks[0].drawn.image
    on = replace(wanted, seed=None, start=PlanResumption(kept, 1, "Make it blue."))
    assert len(ended(stepped, on, "on").marks) == 3 and len(stepped.pictures("on")) == 1, (
        "a person's words end no plan"
    )
    answer = ended(stepped, asked(stepped.pipeline, small("bagel-understand")), "answer")
    assert answer.answer == stepped.texts("answer")[0] and not answer.marks


def test_pictures_are_shown_before_they_are_done(stepped: Stepped) -> None:
    plan = small("irg").with_drawing(steps=4)
    ended(stepped, asked(stepped.pipeline, plan, previews=(0, 2)))
    shown = [told for told in stepped.told["it"] if isinstance(told, DenoisingStep) and told.preview]
    assert [(one.turn, one.index) for one in shown] == [(2, 1), (2, 3)]
