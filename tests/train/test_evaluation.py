from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from irg.core.events import Done
from irg.data.compose import Dropout
from irg.pipeline import Pipeline
from irg.pipeline.strip import strip
from irg.run.objective import UnifiedObjective
from irg.run.parallel import Layout, joined
from irg.train.evaluation import UnifiedEvaluator
from irg.train.unified import UnifiedRun, run_of
from tests.train.runs import evaluation, recipe


@pytest.fixture
def layout() -> Layout:
    with joined("cpu") as layout:
        return layout


def run(beginning: Path, traces: Path, out: Path, layout: Layout, **changes: Any) -> UnifiedRun:
    """Not begun, with evaluations that draw nothing unless they are asked to."""
    looks = evaluation(traces) | {"prompts": []} | changes
    return run_of(recipe(beginning, traces, out, evaluation=looks), layout)


def evaluator_of(running: UnifiedRun) -> UnifiedEvaluator:
    assert isinstance(running.evaluator, UnifiedEvaluator)
    return running.evaluator


def test_held_out_losses_are_always_of_the_same_documents_and_noise(
    beginning: Path, traces: Path, tmp_path: Path, layout: Layout
) -> None:
    running = run(beginning, traces, tmp_path / "a", layout)
    evaluator = evaluator_of(running)
    first = evaluator(1)
    assert {"loss", "text", "flow", "text/initial_full", "flow/initial_full"} <= first.keys()
    again = evaluator_of(run(beginning, traces, tmp_path / "b", layout))
    assert evaluator(2) == again(1) == first
    with torch.no_grad():
        running.objective.network.model.decoder.embedding.weight.mul_(2.0)
    assert evaluator(3)["loss"] != first["loss"]


def test_evaluation_drops_nothing_and_leaves_training_as_it_was(
    beginning: Path, traces: Path, tmp_path: Path, layout: Layout
) -> None:
    running = run(beginning, traces, tmp_path, layout)
    trained, evaluator = running.objective, evaluator_of(running)
    assert isinstance(trained, UnifiedObjective)
    assert evaluator.objective.composer.dropout == Dropout() != trained.composer.dropout
    assert evaluator.objective.composer.noising == trained.composer.noising
    rest = {field.name for field in fields(trained)} - {"composer"}
    assert all(getattr(evaluator.objective, name) is getattr(trained, name) for name in rest)
    before = torch.get_rng_state()
    evaluator(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert trained.network.training and all(one.grad is None for one in trained.network.parameters())
    assert not (tmp_path / "samples").exists()


def test_prompts_are_drawn_as_the_pipeline_draws_them(
    beginning: Path, traces: Path, tmp_path: Path, layout: Layout
) -> None:
    prompts = ["a red circle", "a star"]
    running = run(beginning, traces, tmp_path, layout, data=[], prompts=prompts, turns=2)
    evaluator = evaluator_of(running)
    assert evaluator(7) == {}
    folder = tmp_path / "samples" / "step-00000007"
    assert sorted(path.name for path in folder.iterdir()) == ["00.png", "01.png"]
    network, parts = evaluator.objective.network, evaluator.parts
    autoencoder = evaluator.objective.composer.autoencoder
    pipeline = Pipeline(network.model.eval(), autoencoder, parts.tokenizer, parts.settings)
    for row, event in pipeline.generate_batch(prompts, parts.settings.plan(2)):
        if isinstance(event, Done):
            with Image.open(folder / f"{row:02d}.png") as drawn:
                assert (np.asarray(drawn) == np.asarray(strip(event.trace))).all()
