"""The work is compared with what torch counts when a model does it."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from irg.bench.speed.measure import TEXT
from irg.bench.speed.work import EpisodeWork, NeededWork, Product, packed_together
from irg.bench.speed.workload import EpisodeWorkload
from irg.engine import SeededDraws

LOAD = EpisodeWorkload("tiny", thought_tokens=6, points=4, system_tokens=9, prompt_tokens=4)


def counted(load: EpisodeWorkload) -> dict[str, float]:
    """FLOPs by torch's own count, of the phases that read and draw."""
    pipeline, plan = load.pipeline(torch.device("cpu"), torch.float32), load.plan
    with FlopCounterMode(display=False) as counter:
        rollout = pipeline.rollout([load.prompt], plan, [SeededDraws(0)])
    found = {"prefill": counter.get_total_flops()}
    for turn, name in zip(plan.turns, ("image 1", "image 2"), strict=True):
        with FlopCounterMode(display=False) as counter:
            rollout.look(turn)
        found["re-entry"] = counter.get_total_flops()
        for _ in rollout.think():
            pass
        with FlopCounterMode(display=False) as counter:
            for _ in rollout.draw(turn):
                pass
        found[name] = counter.get_total_flops()
    return found


def without_attention(work: NeededWork) -> float:
    """Torch does not count the attention kernels of a CPU."""
    return work.flops - sum(product.flops * times for product, times in work.products if product.batch > 1)


def test_needed_flops_are_those_of_the_model() -> None:
    phases = EpisodeWork(LOAD).phases()
    needed = {name: without_attention(work) for name, work in phases.items()}
    found = counted(LOAD)
    assert needed["prefill"] == found["prefill"]
    for name in ("image 1", "image 2"):
        assert needed[name] + needed["decode"] / 2 == pytest.approx(found[name], rel=0.02)
    seeing = LOAD.config.vision
    attended = 4 * seeing.num_layers * seeing.width * EpisodeWork(LOAD).patches ** 2
    assert needed["re-entry"] - attended == pytest.approx(found["re-entry"], rel=0.02)


def test_attention_is_a_product_with_every_slot() -> None:
    """But not in the last layer of what is only read."""
    decoder = LOAD.config.decoder
    prefill = EpisodeWork(LOAD).phases()["prefill"]
    pairs = 11 * 11 + 6 * 17
    expected = 4 * (decoder.num_layers - 1) * decoder.width * pairs
    assert prefill.flops - without_attention(prefill) == expected


def test_a_token_reads_its_expert_the_head_and_the_cache() -> None:
    work = EpisodeWork(LOAD)
    sizes = work.sizes
    for name in TEXT:
        per_token = work.phases()[name].values / LOAD.usual.thought_tokens
        weights = sizes["understanding"] + sizes["head"]  # type: ignore[index]
        assert weights < per_token < 1.5 * weights
    longer = EpisodeWork(replace(LOAD, prompt_tokens=104)).phases()["thought"].values
    decoder = LOAD.config.decoder
    cached = 2 * decoder.num_layers * decoder.num_kv_heads * decoder.head_width
    assert longer - work.phases()["thought"].values == LOAD.usual.thought_tokens * cached * 100


def test_more_points_and_branches_are_more_work() -> None:
    twice = EpisodeWork(replace(LOAD, points=7)).phases()["image 2"]
    once = EpisodeWork(LOAD).phases()["image 2"]
    assert twice.tokens == 2 * once.tokens == 2 * 3 * 3 * 16


def test_works_add_up() -> None:
    product = Product(4, 3, 2)
    both = NeededWork(((product, 2),), 10.0, 5.0, 1) + NeededWork(((product, 1),), 1.0, 1.0, 2)
    assert (both.flops, both.values, both.tokens) == (3 * 48 + 11, 6.0, 3)
    assert packed_together(product, 3).rows == 12
