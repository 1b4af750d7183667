"""What a model of the scene world reads of a prompt, and what is said of one that is outside."""

import warnings
from collections.abc import Iterator

import pytest

from irg.core.events import Done
from irg.pipeline import Pipeline, load_pipeline
from irg.pipeline.scenes import OutsideWorldWarning, worded


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    yield load_pipeline()


def drawn(pipeline: Pipeline, prompt: str) -> tuple[str, bytes]:
    """The prompt that a trace has, and its picture, in few steps."""
    plan = pipeline.settings.plan(turns=1, think=False)
    done = list(pipeline.generate(prompt, plan, seed=3))[-1]
    assert isinstance(done, Done)
    return done.trace.prompt, done.trace.turns[0].image.tobytes()


def test_a_wording_that_training_never_showed_is_drawn_as_one_that_it_did(pipeline: Pipeline) -> None:
    """And the trace says what was asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked, picture = drawn(pipeline, "create an illustration with a star on top of a heart")
        same = drawn(pipeline, "a star above a heart")
    assert asked == "create an illustration with a star on top of a heart" and picture == same[1]


def test_wordings_of_training_are_read_as_they_are(pipeline: Pipeline) -> None:
    prompts = ["Show me 2 little red hearts.", "a star over a heart", "a circle, two big stars and one heart"]
    assert worded(prompts) == prompts


def test_what_is_outside_the_world_is_said(pipeline: Pipeline) -> None:
    with pytest.warns(OutsideWorldWarning, match=r"the prompt 'a dog' is outside the model's world.*'dog'"):
        assert worded(["a dog"]) == ["a dog"]
    with pytest.warns(OutsideWorldWarning, match="2 of 3 prompts, such as 'a dog', are outside"):
        worded(["a dog", "a star", "four moons and a fox"])
    with pytest.warns(OutsideWorldWarning, match="'dog'"):
        assert drawn(pipeline, "a dog")[0] == "a dog"
