from dataclasses import replace
from typing import Any

import pytest

from irg.core.segment import DELIMITERS
from irg.pipeline import Pipeline
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.extent import PlanExtent
from irg.pipeline.plans.start import settled

TURNS: dict[str, Any] = {
    "plan": 1,
    "system": {"text": "Draw."},
    "write_defaults": {"max_tokens": 10},
    "first": [
        {"write": "T", "reads": ["system", "prompt"]},
        {"draw": "I", "reads": ["system", "prompt", "T"], "text_branch": ["system"]},
    ],
    "repeat": [
        {"write": "R", "reads": ["system", "prompt", "T", "I:cv", {"each": ["R", "J:cv"]}]},
        {
            "draw": "J",
            "reads": ["system", "prompt", "T", "I:cv", {"each": ["R", "J:cv"]}, "R"],
            "text_branch": {"without": ["R"]},
            "image_branch": "texts",
        },
    ],
    "max_repeats": 3,
}


@pytest.fixture
def extent_of(pipeline: Pipeline) -> Any:
    def made(**more: Any) -> PlanExtent:
        plan = settled(StepPlan.model_validate({**TURNS, **more}), pipeline.settings)
        config, tokenizer = pipeline.parts.model.config, pipeline.parts.tokenizer
        return PlanExtent(plan, pipeline.settings, config, tokenizer, "a star", {"": "Draw."})

    return made


def test_contexts_are_counted_once_for_all_that_begin_like_them(extent_of: Any, pipeline: Pipeline) -> None:
    extent = extent_of()
    given = sum(len(pipeline.parts.tokenizer.encode(text)) + DELIMITERS for text in ("Draw.", "a star"))
    drawn = pipeline.parts.model.config.grid_of(*extent.size).num_tokens + DELIMITERS
    text = 10 + 2 * DELIMITERS + DELIMITERS  # with an empty prefix and rewriting
    picture = extent._picture(extent.size, "cv")
    assert picture > drawn
    # All that is read, and the texts of it.
    assert extent.contexts == (
        given + text + picture + 3 * (text + picture) + text + drawn,
        given + text + 3 * text + text + drawn,
    )
    assert extent.given == given and extent.written == 10 + 3 * 10
    assert [extent.written_from(number) for number in range(4)] == [40, 30, 20, 10]


def test_what_a_person_says_may_be_longer_than_what_is_written(extent_of: Any) -> None:
    usual, said = extent_of(), replace(extent_of(), said=15)
    assert said.contexts[0] == usual.contexts[0] + 4 * 5 + 5 and said.written == usual.written
    assert replace(usual, said=7).contexts == usual.contexts


def test_longer_texts_more_passes_votes_and_attempts_take_more(extent_of: Any) -> None:
    usual = extent_of()
    assert extent_of(write_defaults={"max_tokens": 20}).contexts > usual.contexts
    assert extent_of(max_repeats=4).contexts > usual.contexts
    voted = [{**TURNS["repeat"][0], "votes": 3, "stop_if": {"contains": ["good"]}}, TURNS["repeat"][1]]
    assert extent_of(repeat=voted).written == 10 + 3 * 30
    assert extent_of(retry={"attempts": 2}).written == 2 * usual.written
    assert extent_of(closing_write=True).written == usual.written + 20 - 10 + 0


def test_what_is_filled_into_a_fixed_text_counts(extent_of: Any) -> None:
    said = [{"write": "Q", "reads": ["prompt", {"say": "of {prompt}: {T}?"}]}]
    plain = [{"write": "Q", "reads": ["prompt", {"say": "of : ?"}]}]
    some, more = (extent_of(repeat=one, max_repeats=1) for one in (plain, said))
    assert sum(more.contexts) > sum(some.contexts) + 10
