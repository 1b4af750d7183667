from dataclasses import astuple, replace
from typing import Any

import pytest
import torch

from irg.bench.speed.workload import USUAL, EpisodeWorkload, counting_tokenizer
from irg.core.events import ThoughtDone
from irg.engine import SeededDraws
from irg.model.expert import Expert
from irg.model.low_bit import Quantize
from irg.model.presets import PRESETS

CPU = torch.device("cpu")
SMALL = EpisodeWorkload("tiny", layers=1, thought_tokens=5, points=3, system_tokens=9, prompt_tokens=4)


def test_every_preset_is_an_episode() -> None:
    assert USUAL.keys() == PRESETS.keys()
    for preset, usual in USUAL.items():
        plan = EpisodeWorkload(preset).plan
        assert (plan.width, plan.text.max_tokens) == (usual.side, usual.thought_tokens)
        assert [turn.guidance for turn in plan.turns] == [usual.first, usual.later]


def test_what_is_asked_for_takes_the_place_of_what_is_usual() -> None:
    assert (SMALL.usual.thought_tokens, SMALL.usual.points, SMALL.usual.side) == (5, 3, USUAL["tiny"].side)


def test_texts_are_as_long_as_they_are_said_to_be() -> None:
    tokenizer = counting_tokenizer(304)
    ids = tokenizer.encode(SMALL.settings.system_prompt)
    assert len(ids) == 9 and tokenizer.decode(ids) == SMALL.settings.system_prompt
    anything = (299, 0, 17, 17, 250)
    assert tokenizer.encode(tokenizer.decode(anything)) == anything
    assert tokenizer.special.text_end == 301


def test_thoughts_hold_no_delimiters_and_never_end_early() -> None:
    pipeline = SMALL.pipeline(CPU, torch.float32)
    rollout = pipeline.rollout([SMALL.prompt], SMALL.plan, [SeededDraws(1)])
    rollout.look(SMALL.plan.turns[0])
    done = [event for _, event in rollout.think() if isinstance(event, ThoughtDone)]
    assert [(one.num_tokens, one.capped, one.reencoded) for one in done] == [(5, True, False)]
    special = pipeline.parts.special
    hidden = torch.randn(100, pipeline.parts.model.config.decoder.width)
    chosen = set(pipeline.parts.model.logits(hidden).argmax(dim=-1).tolist())
    assert chosen.isdisjoint(astuple(special))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": 40}, "40 layers"),
        ({"side": 50}, "50x50: both must be multiples of 16"),
        ({"points": 1}, "time points"),
        ({"thought_tokens": 0}, "thought_tokens 0"),
        ({"weights": Quantize.INT8, "compiled": True}, "compiled steps of weights held as int8"),
    ],
)
def test_what_cannot_be_measured_is_told_at_once(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EpisodeWorkload("tiny", **wrong)  # type: ignore[arg-type]


def test_compiled_steps_are_asked_for() -> None:
    for compiled in (False, True):
        pipeline = replace(SMALL, compiled=compiled).pipeline(CPU, torch.float32)
        assert pipeline.parts.pool.compiled == compiled
        experts = [one for one in pipeline.parts.model.modules() if isinstance(one, Expert)]
        assert experts and all(one.compiled == compiled for one in experts)
