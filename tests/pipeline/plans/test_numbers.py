from typing import Any

import pytest
from PIL import Image

from irg.engine import Guidance, Renorm, Saving, Solver, TextSampling
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.context import Given
from irg.pipeline.plans.course import PlanCourse
from irg.pipeline.plans.numbers import as_drawn, check_sizes, resized, sampling, turn_plan, written_out
from irg.pipeline.plans.reading import read_plan
from irg.pipeline.plans.steps import DrawStep, WriteStep
from irg.pipeline.settings import Settings
from irg.prep import Resize

SETTINGS = Settings(num_points=7, shift=2.0, temperature=0.1, later=Guidance(image_scale=3.0))


def drawn(step: dict[str, Any], **more: Any) -> DrawStep:
    made = StepPlan.model_validate({"plan": 1, "first": [{"draw": "I", "reads": ["prompt"], **step}], **more})
    (found,) = made.steps
    assert isinstance(found, DrawStep)
    return found


def plan(**more: Any) -> StepPlan:
    steps = [{"write": "T", "reads": ["prompt"], "temperature": 0.4}, {"draw": "I", "reads": ["prompt"]}]
    return StepPlan.model_validate({"plan": 1, "first": steps, **more})


def test_a_step_goes_before_the_defaults_and_they_before_the_checkpoint() -> None:
    defaults = {"draw_defaults": {"points": 5, "text_scale": 2.0}}
    found = turn_plan(drawn({"points": 9}), plan(**defaults), SETTINGS)
    assert (found.num_points, found.shift, found.guidance) == (9, 2.0, Guidance(text_scale=2.0))
    assert turn_plan(drawn({}), plan(), SETTINGS).guidance == Guidance()
    later = turn_plan(drawn({"guidance": "later", "renorm": "none"}), plan(), SETTINGS)
    assert later.guidance == Guidance(image_scale=3.0, renorm=Renorm.NONE)
    saving = turn_plan(drawn({"every": 2, "solver": "adams"}), plan(), SETTINGS).saving
    assert saving == Saving(2, Solver.ADAMS)


def test_texts_of_later_attempts_are_warmer_and_shorter_up_to_a_limit() -> None:
    retry = {"attempts": 9, "temperature_step": 0.3, "temperature_max": 0.9, "max_tokens": 50}
    made = plan(retry=retry)
    step = made.steps[0]
    assert isinstance(step, WriteStep)
    found = [sampling(step, made, SETTINGS, attempt) for attempt in range(3)]
    assert found == [TextSampling(0.4, 1.0, 1000), TextSampling(0.7, 1.0, 50), TextSampling(0.9, 1.0, 50)]


def test_a_plan_that_is_written_out_needs_no_checkpoint_for_its_numbers() -> None:
    other = Settings(num_points=3, temperature=0.9, width=64, height=64)
    for name in ("irg", "embedded", "uni-cot", "umm-reflection", "vbvr-thinkmorph"):
        before = read_plan(name)
        after = written_out(before, SETTINGS)
        assert written_out(after, other) == after == written_out(after, SETTINGS)
        for one, told in zip(before.steps, after.steps, strict=True):
            if isinstance(one, DrawStep) and isinstance(told, DrawStep):
                assert turn_plan(told, after, other) == turn_plan(one, before, SETTINGS)
            elif isinstance(one, WriteStep) and isinstance(told, WriteStep):
                assert sampling(told, after, other) == sampling(one, before, SETTINGS)


def test_pictures_are_resized_as_the_plan_says() -> None:
    found = resized(read_plan("uni-cot"), SETTINGS)
    assert found.clean == SETTINGS.clean and found.view == Resize(980, 378, 14)


def test_what_an_episode_is_asked_for_is_that_of_its_next_step() -> None:
    course = PlanCourse.begun(plan(size=[32, 16], preview_every=3), Given("p"))
    asked = as_drawn(course, SETTINGS)
    assert (asked.width, asked.height, asked.text.temperature, asked.preview_every) == (32, 16, 0.4, 3)
    (turn,) = as_drawn(course.wrote("a"), SETTINGS).turns
    assert turn.num_points == 7
    assert course.wrote("a").drew(Image.new("RGB", (1, 1))).step is None


def test_the_size_is_the_plans_or_the_checkpoints() -> None:
    assert check_sizes(plan(size=[32, 16]), SETTINGS) == (32, 16)
    assert check_sizes(plan(size="input"), SETTINGS) == (1024, 1024)
    with pytest.raises(ValueError, match="guidance interval"):
        check_sizes(plan(draw_defaults={"interval": [1, 0]}), SETTINGS)
