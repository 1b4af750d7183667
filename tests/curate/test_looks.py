"""Filters that are models: tiny ones of random weights, loaded from folders as people's own would be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from irg.core.picture import Picture
from irg.curate.duplicates import embedding_from
from irg.curate.looks import Looks, LooksSettings
from irg.curate.records import TraceRecord
from irg.curate.select import EMBEDDING

pytest.importorskip("transformers", reason="needs transformers, which is in irg[bench]")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of safe and unsafe pictures, and an encoder."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor, ViTModel

    folder = tmp_path_factory.mktemp("models")
    sizes = {"hidden_size": 16, "intermediate_size": 16, "image_size": 32, "patch_size": 16}
    labels = {"id2label": {0: "safe", 1: "unsafe"}, "label2id": {"safe": 0, "unsafe": 1}}
    config = ViTConfig(num_hidden_layers=1, num_attention_heads=2, **sizes, **labels)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name, kind in (("classifier", ViTForImageClassification), ("encoder", ViTModel)):
            kind(config).save_pretrained(folder / name)
            ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder / name)
    return folder


def records() -> list[TraceRecord]:
    pictures = [
        Picture.of(Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)))
        for seed in range(4)
    ]
    return [TraceRecord(f"id{n}", n, "a thing", image1=pictures[n], image2=pictures[n + 1]) for n in range(3)]


def looked(models: Path, **given: Any) -> list[TraceRecord]:
    kinds = {"safety": "classifier", "aesthetic": "classifier", "embedding": "encoder"}
    settings = {name: {"model": str(models / kinds[name]), **value} for name, value in given.items()}
    return Looks(LooksSettings.model_validate(settings)).run(records())


def test_scores_both_pictures_and_rejects_by_their_bounds(models: Path) -> None:
    found = looked(models, safety={"label": "unsafe"}, aesthetic={"label": "safe"})
    scores = [(record.scores["safety"], record.scores["aesthetic"]) for record in found]
    assert all(0 < safety < 1 and 0 < aesthetic < 1 for safety, aesthetic in scores)
    # Safety is of the worse picture, the aesthetic score of the second one.
    assert all(safety >= 1 - aesthetic - 1e-3 for safety, aesthetic in scores)
    bound = sorted(safety for safety, _ in scores)[1]
    strict = looked(models, safety={"label": "unsafe", "most": bound})
    assert [record.rejected is not None for record in strict] == [safety > bound for safety, _ in scores]
    assert {r.rejected.reason for r in strict if r.rejected} <= {"safety: unsafe too likely"}
    none = looked(models, aesthetic={"label": "safe", "least": 1.0})
    assert {r.rejected and r.rejected.reason for r in none} == {"aesthetic: safe too unlikely"}


def test_embeds_the_second_picture(models: Path) -> None:
    found = looked(models, embedding={})
    vectors = [embedding_from(record.fingerprints[EMBEDDING]).astype(np.float32) for record in found]
    assert all(vector.shape == (16,) and abs(np.linalg.norm(vector) - 1) < 1e-2 for vector in vectors)
    assert looked(models, embedding={}) == found
    assert not np.allclose(vectors[0], vectors[1])


def test_a_label_that_the_model_lacks_is_named(models: Path) -> None:
    with pytest.raises(ValueError, match=r"label 'ugly': .*classifier has safe, unsafe"):
        looked(models, safety={"label": "ugly"})


def test_what_it_does_not_load_it_does_not_want() -> None:
    assert not LooksSettings().wanted
    records_before = [replace(record) for record in records()]
    assert Looks(LooksSettings()).run(records_before) == records_before
