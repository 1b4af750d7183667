import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from irg.scorers.detector import FoundInstance, InstanceDetector, box_of, prepared
from tests.scorers.models import detector, seeded, transformers


def picture(width: int, height: int) -> Image.Image:
    """Soft patches of colour."""
    rng = np.random.default_rng([width, height])
    patches = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return patches.resize((width, height), Image.Resampling.BICUBIC)


def one_by_one(model: InstanceDetector, image: Image.Image) -> list[FoundInstance]:
    """The published post-processing in its plainest form: every query and class, each mask by itself."""
    pixels = prepared(image)
    height, width = pixels.shape[1:]
    padded = torch.zeros(1, 3, -(-height // 32) * 32, -(-width // 32) * 32)
    padded[0, :, :height, :width] = pixels
    with torch.inference_mode():
        found = model._model(pixel_values=padded)
    chances = found.class_queries_logits[0].softmax(-1)
    ranked = sorted(
        ((float(chances[query, label]), query, label) for query in range(12) for label in range(80)),
        reverse=True,
    )
    instances = []
    for chance, query, label in ranked[:100]:
        logits = found.masks_queries_logits[:1, query : query + 1]
        for size, cut in ((padded.shape[2:], (height, width)), ((image.height, image.width),) * 2):
            logits = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
            logits = logits[..., : cut[0], : cut[1]]
        mask = (logits[0, 0] > 0).numpy()
        sure = float((logits[0, 0].sigmoid() * torch.from_numpy(mask)).sum()) / (mask.sum() + 1e-6)
        if mask.any() and chance * sure > 0.05:
            ys, xs = np.nonzero(mask)
            box = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
            instances.append(FoundInstance(label, chance * sure, box, mask))
    return instances


@pytest.mark.parametrize("size", [(64, 64), (90, 40)])
def test_objects_are_those_of_the_published_post_processing(size: tuple[int, int]) -> None:
    model, image = detector(sureness=30), picture(*size)
    found = sorted(model(image), key=lambda one: (-one.score, one.label))
    expected = sorted(one_by_one(model, image), key=lambda one: (-one.score, one.label))
    assert len(found) == len(expected) > 3
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.label, ours.box) == (theirs.label, theirs.box)
        assert ours.score == pytest.approx(theirs.score, rel=1e-5)
        assert ours.mask.shape == image.size[::-1] and (ours.mask == theirs.mask).all()


def test_what_is_below_the_floor_is_not_given() -> None:
    image = picture(64, 64)
    some, fewer = detector(30, floor=0.05)(image), detector(30, floor=0.5)(image)
    assert 0 < len(fewer) < len(some)
    assert sorted(one.score for one in fewer) == sorted(one.score for one in some if one.score > 0.5)


def test_pictures_are_brought_to_the_sides_of_the_benchmark() -> None:
    assert prepared(picture(64, 64)).shape == (3, 800, 800)
    assert prepared(picture(90, 40)).shape == (3, 592, 1333)
    grey = Image.new("RGB", (10, 20), (124, 116, 104))
    pixels = prepared(grey)
    assert pixels.shape == (3, 1333, 667) and pixels.abs().max() < 0.01


def test_a_box_ends_beyond_its_last_pixels() -> None:
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    assert box_of(mask) == (2, 1, 6, 3)


def test_a_saved_model_is_loaded_by_its_folder(tmp_path) -> None:
    model = detector(30)
    model._model.save_pretrained(tmp_path)
    loaded = InstanceDetector.load(str(tmp_path), "cpu")
    assert loaded.num_classes == 80
    image = picture(64, 64)
    assert [one.score for one in loaded(image)] == [one.score for one in model(image)]
    identity = loaded.identity
    assert identity["model"] == str(tmp_path) and len(identity["fingerprint"]) == 16
    assert (identity["dtype"], identity["transformers"]) == ("float32", transformers.__version__)
    with torch.no_grad():
        model._model.class_predictor.bias += 1
    model._model.save_pretrained(tmp_path)
    assert InstanceDetector.load(str(tmp_path), "cpu").identity["fingerprint"] != identity["fingerprint"]
    assert seeded(torch.rand, 3).equal(seeded(torch.rand, 3))
