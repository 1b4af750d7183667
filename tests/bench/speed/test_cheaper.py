from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from irg.bench.scene.items import SceneOptions
from irg.bench.speed.cheaper import (
    EXACT,
    Cheaper,
    best,
    difference,
    guided,
    held,
    left_out,
    measure_cheaper,
    ways,
)
from irg.engine import Guidance, Saving, Solver
from irg.model.float8 import Float8Linear
from irg.model.low_bit import Quantize
from irg.pipeline import Pipeline, Settings
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

NINE = Settings(num_points=9, first=Guidance(1.0, 1.0), later=Guidance(1.0, 1.0)).plan()


def test_ways_are_one_change_each() -> None:
    found = ways(NINE)
    assert next(iter(found)) == EXACT and found[EXACT] == NINE
    turns = {name: plan.turns[1] for name, plan in found.items()}
    assert turns["--points 3"] == replace(NINE.turns[1], num_points=3)
    assert turns["--every 2"].saving == Saving(every=2)
    assert turns["--reuse 0.4"].saving == Saving(reuse=0.4)
    assert turns["--points 5 --solver adams"].saving.solver is Solver.ADAMS
    assert not any("guided" in name for name in found)
    assert len({plan.turns for plan in found.values()}) == len(found)


def test_a_plan_of_two_points_has_no_fewer() -> None:
    two = Settings(num_points=2).plan()
    assert not any("--points" in name for name in ways(two))


def test_where_guidance_is_on_it_can_be_on_for_less() -> None:
    found = ways(Settings().plan())
    assert found["--guided 0.8 1"].turns[1].guidance.interval == (0.8, 1.0)


def test_a_plan_is_guided_by_text_alone() -> None:
    found = guided(NINE, 2.0)
    assert [turn.guidance for turn in found.turns] == [Guidance(2.0, 1.0)] * 2
    assert replace(found.turns[0], guidance=NINE.turns[0].guidance) == NINE.turns[0]


def test_every_way_draws_the_same_prompts() -> None:
    pipeline = Pipeline(random_model(), random_autoencoder(), tokenizer(), settings(128))
    told: list[str] = []
    options = SceneOptions(prompts=2, batch=2)
    found = measure_cheaper(pipeline, pipeline.settings.plan(), options, torch.device("cpu"), told.append)
    few_bits = ["--weights int8", "--weights fp8_matmul"]
    assert [way.options for way in found] == [*ways(pipeline.settings.plan()), *few_bits]
    assert len(told) == len(found)
    exact = found[0]
    # Two steps, at 1 and .75: guided by the text branch in the first turn, by both in the second.
    assert exact.evaluations == (2 * 2 + 2 * 3) / 2
    assert all(len(way.right) == 2 and way.seconds > 0 for way in found)
    evaluations = {way.options: way.evaluations for way in found}
    assert evaluations["--every 2"] < exact.evaluations == evaluations["--weights int8"]


def test_weights_in_few_bits_are_of_a_model_of_their_own() -> None:
    pipeline = Pipeline(random_model(), random_autoencoder(), tokenizer(), settings(128))
    layer, twin = (
        one.parts.model.decoder.layers[0].generation.up
        for one in (pipeline, held(pipeline, Quantize.FP8_MATMUL))
    )
    assert type(layer) is nn.Linear and isinstance(twin, Float8Linear)


def test_what_a_gpu_does_not_compute_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (8, 0))
    left = left_out(gpu, torch.bfloat16)
    assert list(left) == [Quantize.FP8_MATMUL] and "capability 8.9" in left[Quantize.FP8_MATMUL]
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (9, 0))
    assert not left_out(gpu, torch.bfloat16) and not left_out(torch.device("cpu"), torch.float32)
    assert "not float32" in left_out(gpu, torch.float32)[Quantize.FP8_MATMUL]


def test_differences_are_of_pairs() -> None:
    exact = Cheaper(EXACT, 8.0, 1.0, np.array([1.0, 1.0, 0.0, 1.0]))
    other = Cheaper("--points 3", 2.0, 0.3, np.array([1.0, 0.0, 0.0, 1.0]))
    mean, low, high = difference(exact, other)
    assert mean == pytest.approx(-0.25) and low <= mean <= high
    assert difference(exact, exact) == (0.0, 0.0, 0.0)
    assert (exact.score, other.score) == (0.75, 0.5)


def test_the_best_is_the_fastest_that_loses_no_more_than_a_point() -> None:
    right = np.ones(100)
    one_less, two_less = right.copy(), right.copy()
    one_less[0], two_less[:2] = 0, 0
    ways = [Cheaper(EXACT, 8, 1.0, right), Cheaper("a", 2, 0.3, one_less), Cheaper("b", 2, 0.2, two_less)]
    assert best(ways).options == "a" and best(ways[:1]).options == EXACT
