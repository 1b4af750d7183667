from dataclasses import replace

import pytest
import torch

from irg.engine import Guidance
from irg.pipeline import Pipeline
from irg.serve.history import History
from irg.serve.memory import SHARE, Sizes, budget_of
from tests.serve.stepping import Stepped, episode


@pytest.fixture
def sizes(pipeline: Pipeline) -> Sizes:
    return Sizes(pipeline.parts.model.config, pipeline.settings, torch.float32)


@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("image_scale", [1.0, 2.0])
def test_an_episode_takes_no_more_than_it_was_said_to(
    pipeline: Pipeline, sizes: Sizes, turns: int, image_scale: float
) -> None:
    """What all slabs together hold at any step, that of a pass aside, against what was promised."""
    plan = pipeline.settings.plan(turns)
    guidance = Guidance(3.0, image_scale, (0.0, 1.0))
    plan = replace(plan, turns=tuple(replace(turn, guidance=guidance) for turn in plan.turns))
    room = sizes.room(plan, num_tokens=60)
    stepped = Stepped(pipeline)
    stepped.ask("it", replace(episode("a star", plan, pipeline), room=room))
    most = 0
    while not stepped.scheduler.is_idle:
        stepped.scheduler.step()
        most = max(most, sum(slab.pairs.nbytes for slab in stepped.parts.pool))
    assert 0 < most <= sizes.footprint(plan, room)
    end = stepped.end("it")
    assert isinstance(end, History) and end.num_tokens <= room


def test_larger_pictures_more_turns_and_more_branches_take_more(pipeline: Pipeline, sizes: Sizes) -> None:
    def taken(turns: int = 1, width: int = 64, scale: float = 1.0) -> int:
        plan = replace(pipeline.settings.plan(turns), width=width)
        plan = plan.with_guidance(image_scale=scale)
        return sizes.footprint(plan, sizes.room(plan, 50))

    assert taken() < taken(turns=90) and taken() < taken(width=128) and taken() < taken(scale=2.0)


def test_an_answer_takes_what_it_reads_and_writes(pipeline: Pipeline, sizes: Sizes) -> None:
    plan = pipeline.settings.plan(1)
    assert sizes.footprint(plan, 256, draws=False) < sizes.footprint(plan, 512, draws=False)


def test_the_budget_is_a_share_of_what_is_free() -> None:
    assert 1e7 < budget_of(torch.device("cpu")) < SHARE * 1e14
