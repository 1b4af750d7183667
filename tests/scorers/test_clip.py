import numpy as np
import pytest
import torch
from PIL import Image

from irg.scorers.clip import Clip
from tests.scorers.models import clip

WORDS = ("a photo of a red cup", "a blue-colored dog")


def pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    sizes = [(20 + 7 * index, 45) for index in range(count)]
    return [Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]


def test_embeddings_do_not_depend_on_what_is_embedded_beside_them() -> None:
    model, some = clip(WORDS), pictures(20)
    together = model.pictures(some)
    assert together.shape == (20, 16)
    assert together.norm(dim=1) == pytest.approx(torch.ones(20))
    alone = torch.cat([model.pictures([one]) for one in some])
    assert together == pytest.approx(alone, abs=1e-5)
    assert model.texts(WORDS) == pytest.approx(torch.cat([model.texts([word]) for word in WORDS]), abs=1e-5)


def test_a_label_is_the_mean_of_its_texts() -> None:
    model = clip(WORDS)
    labels = model.labels([WORDS, WORDS[:1]])
    mean = model.texts(WORDS).mean(dim=0)
    assert labels[0] == pytest.approx(mean / mean.norm(), abs=1e-6)
    assert labels[1] == pytest.approx(model.texts(WORDS[:1])[0], abs=1e-6)


def test_a_saved_model_is_loaded_by_its_folder(tmp_path) -> None:
    model = clip(WORDS)
    model._model.save_pretrained(tmp_path)
    model._tokenizer.save_pretrained(tmp_path)
    loaded = Clip.load(str(tmp_path), "cpu")
    assert loaded.texts(WORDS).equal(model.texts(WORDS))
    assert loaded.identity["dtype"] == "float32" and "autocast" not in loaded.identity
