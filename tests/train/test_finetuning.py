"""Every way of training that fits on one GPU takes steps, goes on, and leaves a model that draws."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from irg.core.events import Done
from irg.model.checkpoint import CheckpointFolder
from irg.pipeline import load_pipeline
from irg.run.loop import CHECKPOINTS
from irg.run.parallel import Layout
from irg.run.rng import restore_rng, rng_state
from irg.run.saved import read_index
from irg.train.unified import train
from tests.train.runs import batch, history, recipe, run


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


ADAPTED = r"decoder\.layers\.\d+\.(understanding|generation)\.(query|key|value|output|gate|up|down)\.weight"
DRAWING = r"decoder\.(layers\.\d+\.generation|generation_norm)\..*|(latent_in|latent_out|timestep)\..*"
ANYTHING = r".*"
BFLOAT16 = {"master": "bfloat16", "precision": "bfloat16"}
WAYS = {
    "lora": (ADAPTED, {"lora": {"rank": 2, "dropout": 0.1}}),
    "lora-int8": (ADAPTED, {"lora": {"rank": 2, "quantize": "int8"}, "parallel": BFLOAT16}),
    "lora-nf4": (ADAPTED, {"lora": {"rank": 2, "quantize": "nf4"}, "parallel": BFLOAT16}),
    "frozen": (DRAWING, {"freeze": ["vision", "connector", "understanding", "embeddings", "head"]}),
    "no-average": (ANYTHING, {"ema": None}),
    "muon": (ANYTHING, {"optimizer": {"kind": "muon", "rate": 1e-2, "matrix_rate": 1e-2}}),
    "autocast": (ANYTHING, {"parallel": {"precision": "autocast"}, "schedule": {"kind": "cosine"}}),
    "adamw8bit": (
        ANYTHING,
        {
            "optimizer": {"kind": "adamw8bit", "rate": 1e-2, "stochastic_rounding": True},
            "parallel": BFLOAT16,
            "ema": None,
        },
    ),
}
PACKAGES = {"lora": "peft", "lora-int8": "torchao", "lora-nf4": "bitsandbytes", "adamw8bit": "torchao"}
SHORT = {"steps": 2, "batch": batch(rows=1), "optimizer": {"rate": 1e-2}, "schedule": {}}


@pytest.fixture(autouse=True)
def generators() -> Any:
    """Runs seed the global generators."""
    layout = Layout(0, 1, torch.device("cpu"))
    before = rng_state(layout)
    yield
    restore_rng(before, layout)


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=[needs(PACKAGES[way])] if way in PACKAGES else []) for way in WAYS]
)
def test_it_trains_and_leaves_a_model_that_draws(
    way: str, beginning: Path, traces: Path, tmp_path: Path
) -> None:
    pattern, changes = WAYS[way]
    out = train(recipe(beginning, traces, tmp_path, **(SHORT | changes)))
    assert [line["step"] for line in history(tmp_path)] == [1, 2]
    assert all(line["loss"] > 0 for line in history(tmp_path))
    before, after = (
        CheckpointFolder(folder).load_model(dtype=torch.bfloat16).state_dict() for folder in (beginning, out)
    )
    changed = {name for name, one in after.items() if not torch.equal(one, before[name])}
    may_change = {
        name
        for name, _ in CheckpointFolder(beginning).load_model().named_parameters()
        if re.fullmatch(pattern, name)
    }
    assert changed <= may_change
    assert "decoder.layers.1.generation.query.weight" in changed
    events = list(load_pipeline(out).generate("a red circle"))
    assert isinstance(events[-1], Done)
    assert [turn.image.size for turn in events[-1].trace.turns] == [(32, 32)] * len(events[-1].trace.turns)


def test_without_the_frozen_weights_checkpoints_are_small_and_go_on(
    beginning: Path, traces: Path, tmp_path: Path
) -> None:
    changes = SHORT | WAYS["frozen"][1] | {"steps": 4}
    whole = recipe(beginning, traces, tmp_path / "whole", **changes)
    small = recipe(beginning, traces, tmp_path / "small", **changes, checkpoint={"frozen": False})
    run(whole)
    assert run(small, stop_in=1).interrupted
    run(small, resume=True)
    assert history(small.out) == history(whole.out)
    names = [
        {name for name in read_index(one.out / CHECKPOINTS / "step-00000004") if name.startswith("model/")}
        for one in (small, whole)
    ]
    assert {name for name in names[1] if re.fullmatch(f"model/({DRAWING})", name)} == names[0] < names[1]
    same = [one.out / "checkpoint" / "ema_bf16.safetensors" for one in (small, whole)]
    assert same[0].read_bytes() == same[1].read_bytes()


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=needs(PACKAGES[way])) for way in ("lora", "adamw8bit")]
)
def test_what_draws_from_global_generators_is_the_seeds_and_goes_on_bit_for_bit(
    way: str, beginning: Path, traces: Path, tmp_path: Path
) -> None:
    """The dropout of adapters, and stochastic rounding."""
    changes = SHORT | WAYS[way][1] | {"steps": 4}
    whole, stopped = (recipe(beginning, traces, tmp_path / name, **changes) for name in ("whole", "stopped"))
    run(whole)
    assert run(stopped, stop_in=1).interrupted
    torch.rand(3)  # as a process that had done something else
    run(stopped, resume=True)
    assert history(stopped.out) == history(whole.out)
