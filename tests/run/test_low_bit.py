"""Moments of 8 bits, and rounding that loses nothing on average."""

import pytest
import torch
from torch import nn

from irg.run.optimizers import OptimizerKind, Optimizers, OptimizerSettings
from tests.run.sharded_steps import SETTINGS, fresh, set_gradients


def run(model: nn.Module, optimizers: Optimizers, steps: range) -> None:
    for step in steps:
        set_gradients(model, step)
        optimizers.step(1.0)
        optimizers.zero_grad()


def test_eight_bit_moments_take_a_quarter_and_move_nearly_the_same() -> None:
    small, whole = fresh(), fresh()
    eight = Optimizers(small, SETTINGS["adamw8bit"])
    run(small, eight, range(1, 4))
    run(whole, Optimizers(whole, OptimizerSettings(rate=1e-2)), range(1, 4))
    name = "decoder.layers.0.understanding.gate.weight"
    moment = eight.members[0].state[small.get_parameter(name)]["exp_avg"]
    assert (moment.codes.dtype, moment.scale.numel()) == (torch.uint8, moment.numel() / 256)
    moved = small.get_parameter(name) - fresh().get_parameter(name)
    expected = whole.get_parameter(name) - fresh().get_parameter(name)
    assert (moved - expected).norm() < 0.05 * expected.norm()


def test_stochastic_rounding_keeps_updates_that_bfloat16_would_lose() -> None:
    """A step of 1e-3 is below half of what 1.0 can be told from in bfloat16 (2**-8)."""
    moved = {}
    for rounding in (False, True):
        model = fresh().to(torch.bfloat16)
        weight = model.get_parameter("decoder.layers.0.understanding.gate.weight")
        nn.init.ones_(weight)
        settings = OptimizerSettings(kind=OptimizerKind.ADAMW8BIT, rate=1e-3, stochastic_rounding=rounding)
        optimizers = Optimizers(model, settings)
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            optimizers.step(1.0)
        moved[rounding] = 1 - weight.float().mean().item()
    assert moved[False] == 0
    assert moved[True] == pytest.approx(1e-3, rel=0.1)
