import pytest
import torch

from irg.bench.scene.items import SceneOptions
from irg.bench.speed.lookup import LookedUp, measure_lookup, same
from irg.pipeline import Pipeline
from tests.data.small import random_autoencoder, random_model, settings, tokenizer


def test_every_way_writes_the_same_prompts() -> None:
    pipeline = Pipeline(random_model(), random_autoencoder(), tokenizer(), settings(128))
    told: list[str] = []
    found = measure_lookup(pipeline, SceneOptions(prompts=2), torch.device("cpu"), told.append)
    assert [way.options for way in found] == ["exact", "--lookup 4", "--lookup 16"] and len(told) == 2
    assert all(len(way.texts) == 4 and min(way.seconds) > 0 for way in found)
    assert all(same(found[0], way) == 1 for way in found)


def test_the_same_texts_are_counted() -> None:
    exact, other = (LookedUp("", texts=texts) for texts in (("a", "b", "c"), ("a", "x", "c")))
    assert same(exact, other) == pytest.approx(2 / 3)
