import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from irg.core.events import trace_of
from irg.core.trace import Trace
from irg.engine import Guidance, Renorm, Saving, Solver
from irg.pipeline import Pipeline
from irg.pipeline.replay import OtherModelWarning
from tests.data.small import settings
from tests.pipeline.test_pipeline import pictures
from tests.pipeline.watching import PROMPT, photo, pipeline_with


@pytest.fixture(scope="module")
def warm() -> Pipeline:
    """Whose texts need their random numbers."""
    return pipeline_with(settings(32).model_copy(update={"temperature": 1.0}))


@pytest.mark.parametrize("kind", ["plain", "revised", "ended", "edited", "reflected", "told", "changed"])
def test_a_saved_trace_comes_out_the_same(kind: str, warm: Pipeline, tmp_path: Path) -> None:
    plan = warm.settings.plan(2)
    match kind:
        case "revised":
            trace = warm(PROMPT, plan, 5, revise=lambda begun, text: text if begun.turns else "a star")
        case "ended":
            trace = warm(PROMPT, plan, 5, until=lambda so_far: True)
        case "edited":
            trace = trace_of(warm.edit(photo(40, 30), PROMPT, seed=5))
        case "reflected":
            trace = warm(PROMPT, plan, 5, photo(40, 30))
        case "told":
            trace = warm(PROMPT, replace(plan, system_prompt="think"), 5)
        case "changed":
            plan = plan.with_guidance(2, 3, (0.1, 0.9), "channel", 0.2).with_text(0.7, 0.9, 4)
            trace = warm(PROMPT, plan.with_drawing(None, 2.0, 3, Saving(2, Solver.ADAMS)), 5)
        case _:
            trace = warm(PROMPT, plan, 5)
    trace.save(tmp_path)
    saved = Trace.load(tmp_path / "trace.json")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = trace_of(warm.replay(saved))
    assert pictures(again) == pictures(trace)
    assert [turn.thought for turn in again.turns] == [turn.thought for turn in trace.turns]
    assert (again.settings, again.system_prompt) == (trace.settings, trace.system_prompt)
    for ours, theirs in zip(again.turns, trace.turns, strict=True):
        assert (ours.revised, ours.given, ours.capped) == (theirs.revised, theirs.given, theirs.capped)


def test_another_model_is_told(pipeline: Pipeline) -> None:
    trace = replace(pipeline(PROMPT), model={"fingerprint": "abc", "dtype": "bfloat16"})
    with pytest.warns(OtherModelWarning, match="fingerprint abc, here none; dtype bfloat16, here none"):
        pipeline.replay(trace)


def test_a_trace_that_does_not_say_how_it_was_made(pipeline: Pipeline) -> None:
    trace = replace(pipeline(PROMPT), settings={"turns": [], "width": 32, "hight": 32})
    with pytest.raises(ValueError, match=r"the settings of a trace: .*hight: there is no such setting"):
        pipeline.replay(trace)
    with pytest.raises(ValueError, match="no turns to make again"):
        pipeline.replay(replace(trace, turns=()))


def test_plans_come_back_from_json(pipeline: Pipeline) -> None:
    plan = pipeline.settings.plan(2).with_guidance(renorm=Renorm.NONE)
    assert type(plan).from_json(plan.as_json()) == plan
    assert plan.turns[1].guidance == replace(pipeline.settings.later, renorm=Renorm.NONE)
    assert plan.turns[0].guidance == replace(pipeline.settings.first, renorm=Renorm.NONE) != Guidance()
