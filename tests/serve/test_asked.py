from functools import partial

import pytest

from irg.pipeline.plans import StepPlan
from irg.serve.asked import Contents, Manner, heeded
from irg.serve.fields import DrawingFields, TextFields
from irg.serve.refusals import Refused
from tests.pipeline.watching import photo


def test_what_says_nothing_is_no_text() -> None:
    picture = photo(16, 16)
    contents = Contents(("a star", " ", picture))
    assert contents.texts == ["a star"] and contents.pictures == [picture]


def test_a_size_is_what_is_said_of_it() -> None:
    assert Manner(DrawingFields(), TextFields()).pixels is None
    assert Manner(DrawingFields(), TextFields(), "64x32").pixels == (64, 32)


def test_what_a_value_cannot_be_is_told_in_our_words() -> None:
    plan = StepPlan.model_validate({"plan": 1, "first": [{"draw": "I", "reads": ["prompt"]}]})
    with pytest.raises(
        Refused, match=r"^stop_when_right \[?.*repeat has no text|repeat has no text"
    ) as refused:
        heeded("stop_when_right", partial(plan.changed, stop_when_right=True))
    assert refused.value.param == "stop_when_right" and "pydantic" not in str(refused.value)
