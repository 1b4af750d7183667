import numpy as np
import pytest
from PIL import Image

from irg.scorers.detector import InstanceDetector
from irg.scorers.geneval.finder import ObjectFinder, most_likely
from irg.scorers.geneval.verdict import COLOURS

pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
from tests.bench.geneval.test_judge import WORDS
from tests.scorers import models


def test_what_is_there_is_found_the_surest_first() -> None:
    finder = ObjectFinder(models.detector(sureness=100), models.clip(WORDS))
    noise = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC)
    plain = finder(picture, {"tag": "single_object", "include": [{"class": "cup", "count": 1}]})
    scores = [one.score for one, _ in plain]
    assert scores == sorted(scores, reverse=True) and all(logits is None for _, logits in plain)
    name = plain[0][0].name
    asked = {"tag": "colors", "include": [{"class": name, "count": 1, "color": "red"}]}
    coloured = [(one, logits) for one, logits in finder(picture, asked) if logits is not None]
    assert coloured and all(one.name == name and one.score > 0.3 for one, _ in coloured)
    assert all(one.colour == most_likely(logits) for one, logits in coloured)
    assert most_likely([0.0, 3.0, 1.0, 3.0, *[0.0] * 6]) == COLOURS[1]


def test_a_detector_of_other_classes_is_refused() -> None:
    config = models.transformers.Mask2FormerConfig(
        num_labels=3, decoder_layers=2, encoder_layers=1, num_queries=2
    )
    with models.torch.device("meta"):
        model = models.transformers.Mask2FormerForUniversalSegmentation(config)
    with pytest.raises(ValueError, match="a detector of 3 classes: expected COCO's 80"):
        ObjectFinder(InstanceDetector(model, {}), models.clip(["a"]))
