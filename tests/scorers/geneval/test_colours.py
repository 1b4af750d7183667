import numpy as np
import pytest
from PIL import Image

from irg.scorers.geneval.colours import TEMPLATES, ColourClassifier, CropOptions, crop
from irg.scorers.geneval.verdict import COLOURS
from tests.bench.cases import Cases

CASES = Cases("geneval_crops.json", "image", "cases", "clip_templates")


def test_golden_crops() -> None:
    picture = Image.fromarray(np.array(CASES["image"], np.uint8))
    for case in CASES["cases"]:
        background = case["options"].get("bgcolor", "#999")
        options = CropOptions(
            None if background == "original" else background, case["options"].get("crop", "1") == "1"
        )
        mask = None if case["mask"] is None else np.array(case["mask"], bool)
        found = crop(picture, tuple(case["box"]), mask, options)
        assert np.asarray(found).tolist() == case["crop"], case["options"]


def test_golden_templates() -> None:
    texts = [text.replace("{colour}", "{color}").replace("{name}", "{class}") for text in TEMPLATES]
    assert texts == CASES["clip_templates"]


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="a mask of 4x3 on a picture of 5x6"):
        crop(Image.new("RGB", (5, 6)), (0, 0, 2, 2), np.ones((3, 4), bool))


def test_a_thing_has_the_colour_whose_texts_it_is_nearest_to() -> None:
    from tests.scorers.models import clip

    model = clip([text.format(colour=colour, name="cup") for text in TEMPLATES for colour in COLOURS])
    classify = ColourClassifier(model)
    rng = np.random.default_rng(0)
    crops = [Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)) for _ in range(3)]
    logits = classify("cup", crops)
    for colour, logit in zip(COLOURS, logits[1], strict=True):
        texts = [text.format(colour=colour, name="cup") for text in TEMPLATES]
        mean = model.texts(texts).mean(dim=0)
        expected = 100 * model.pictures([crops[1]])[0] @ (mean / mean.norm())
        assert logit == pytest.approx(expected.item(), abs=1e-3)
    assert classify("cup", []) == []
