import pytest
from pydantic import ValidationError

from irg.pipeline.plans.steps import DrawStep, Meaning, Taking, WriteStep


def test_what_a_step_leaves_open_is_none() -> None:
    step = DrawStep(draw="I", reads=("prompt",))
    assert step.points is None and step.text_branch == step.image_branch == "none"
    text = WriteStep(write="T", reads=("prompt",))
    assert text.temperature is None and (text.stop_if, text.draw_if) == ("never", "always")


@pytest.mark.parametrize("given", [{}, {"after": "a", "line": "b"}])
def test_one_part_of_a_text_is_taken(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="expected one of after, between and line"):
        Taking.model_validate(given)


def test_a_meaning_means_something() -> None:
    with pytest.raises(ValidationError, match="expected contains, lacks, matches or right"):
        Meaning()
