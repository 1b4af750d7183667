from pathlib import Path

import numpy as np
import pytest

from irg.core.events import Done
from irg.data.store import read_samples
from irg.pipeline import load_pipeline
from irg.train.samples import SamplesRecipe, draw_samples
from irg.world.grammar import is_held_out_text
from tests.data.small import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("model") / "checkpoint")


@pytest.fixture
def recipe(checkpoint: Path, tmp_path: Path) -> SamplesRecipe:
    return SamplesRecipe(out=tmp_path / "samples", model=checkpoint, count=5, batch=2, seed=3)


def test_as_many_pictures_as_asked_for_in_shards(recipe: SamplesRecipe) -> None:
    assert draw_samples(recipe) == recipe.out
    assert sorted(path.name for path in recipe.out.glob("*.safetensors")) == [
        f"{shard:05d}.safetensors" for shard in range(3)
    ]
    samples = list(read_samples(recipe.out))
    assert len(samples) == 5 and len({sample.prompt for sample in samples}) > 1
    for sample in samples:
        assert sample.picture.shape == (32, 32, 3) and sample.thought
        assert not is_held_out_text(sample.prompt)


def test_a_sample_is_what_its_prompt_and_seed_give(recipe: SamplesRecipe) -> None:
    draw_samples(recipe)
    third = list(read_samples(recipe.out))[2]
    pipeline = load_pipeline(recipe.model)
    *_, done = pipeline.generate(third.prompt, pipeline.settings.plan(turns=1), seed=3 * 1_000_003 + 2)
    assert isinstance(done, Done)
    again = np.asarray(done.trace.turns[0].image).astype(int)
    assert np.abs(again - third.picture).mean() < 8  # drawn with less precision, and in a batch


def test_finished_shards_are_kept(recipe: SamplesRecipe) -> None:
    draw_samples(recipe)
    first, second = (recipe.out / f"{shard:05d}.safetensors" for shard in (0, 1))
    whole = second.read_bytes()
    second.unlink()
    marked = first.read_bytes() + b""
    first.write_bytes(marked[:-1] + bytes([marked[-1] ^ 1]))
    touched = first.read_bytes()
    draw_samples(recipe)
    assert first.read_bytes() == touched
    assert second.read_bytes() == whole


def test_processes_share_the_shards(recipe: SamplesRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    draw_samples(recipe)
    assert [path.name for path in recipe.out.glob("*.safetensors")] == ["00001.safetensors"]
    monkeypatch.setenv("RANK", "0")
    draw_samples(recipe)
    assert len(list(read_samples(recipe.out))) == 5


def test_other_seeds_draw_other_prompts(recipe: SamplesRecipe, tmp_path: Path) -> None:
    draw_samples(recipe)
    other = recipe.model_copy(update={"seed": 4, "out": tmp_path / "other"})
    draw_samples(other)
    prompts = [[sample.prompt for sample in read_samples(one.out)] for one in (recipe, other)]
    assert prompts[0] != prompts[1]
