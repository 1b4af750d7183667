from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from irg.scorers.clip_t5 import ClipFlanT5
from irg.scorers.pictures import for_clip
from irg.scorers.vqascore import AFTER, ANSWER, BEFORE, VqaScore, log_likelihoods, score_of
from tests.bench.cases import Cases
from tests.scorers.models import clip_t5_parts, seeded, word_tokenizer
from tests.scorers.test_clip_t5 import stored, write

CASES = Cases("genai_vqascore_arithmetic.json", "cases")
TEXTS = ("a red cup", "two dogs")


def test_golden_scores() -> None:
    for case in CASES["cases"]:
        logits, labels = torch.tensor(case["logits"]), torch.tensor(case["labels"])
        logs = log_likelihoods(logits, labels)
        assert score_of(logs).tolist() == pytest.approx(case["score"], abs=1e-7)
        for chances, score in zip(logs.exp().tolist(), case["score"], strict=True):
            assert sqrt(chances[0] * chances[1]) == pytest.approx(score, abs=1e-7)


def small() -> VqaScore:
    tokenizer = word_tokenizer([BEFORE, ANSWER, *(AFTER.format(text) for text in TEXTS)], end="</s>")
    model = seeded(ClipFlanT5, *clip_t5_parts(len(tokenizer)))
    return VqaScore(model, tokenizer, {"model": "random"})


def picture(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_a_picture_and_a_text_become_two_likelihoods() -> None:
    scorer = small()
    ids = scorer._tokenizer
    before, after, labels = (
        torch.tensor(ids(part).input_ids) for part in (BEFORE, AFTER.replace("{}", TEXTS[0]), ANSWER)
    )
    assert before[-1] == after[-1] == labels[-1] == 1 and len(labels) == 2
    image = picture(32, 32)
    with torch.inference_mode():
        logits = scorer._model(for_clip(image, 32)[None], before, after, labels)
    expected = logits[0].log_softmax(-1)[range(2), labels]
    found = scorer(image, TEXTS[0])
    assert found == pytest.approx(expected.tolist(), abs=1e-6)
    assert scorer(image, TEXTS[1]) != found and scorer(picture(48, 32), TEXTS[0]) != found


def test_what_is_beside_a_picture_has_clips_mean() -> None:
    scorer, seen = small(), []
    scorer._model.vision.register_forward_pre_hook(
        lambda module, given, named: seen.append(named["pixel_values"]), with_kwargs=True
    )
    scorer(picture(32, 16), TEXTS[0])
    assert seen[0].shape == (1, 3, 32, 32)
    assert seen[0][..., :7, :].abs().max() < 0.02 and seen[0][..., 12:20, :].abs().max() > 1


def test_a_saved_model_is_loaded_by_its_folder(tmp_path: Path) -> None:
    scorer = small()
    write(tmp_path, scorer._model, stored(scorer._model))
    scorer._tokenizer.save_pretrained(tmp_path)
    loaded = VqaScore.load(str(tmp_path), "cpu")
    assert loaded(picture(32, 32), TEXTS[0]) == scorer(picture(32, 32), TEXTS[0])
    assert loaded.identity["dtype"] == "float32" and len(loaded.identity["template"]) == 16
