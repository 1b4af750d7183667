from pathlib import Path

import pytest
from PIL import Image

from irg.bench.genai.summary import LIKELIHOODS, summarise
from irg.bench.protocol import Hearing, Shown, ShownPicture
from irg.core.picture import Picture
from tests.bench.genai.samples import TEXTS, items

pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
from irg.bench.genai.judge import VqaScoreJudge
from irg.scorers.clip_t5 import ClipFlanT5
from irg.scorers.vqascore import AFTER, ANSWER, BEFORE, VqaScore
from tests.scorers.models import clip_t5_parts, seeded, word_tokenizer


def test_pictures_are_judged_by_a_real_model_of_random_weights(tmp_path: Path) -> None:
    """From the picture to the number."""
    tokenizer = word_tokenizer([BEFORE, ANSWER, *(AFTER.format(text) for text in TEXTS.values())], end="</s>")
    scorer = VqaScore(seeded(ClipFlanT5, *clip_t5_parts(len(tokenizer))), tokenizer, {"model": "random"})
    judge = VqaScoreJudge(scorer)
    assert judge.identity["vqascore"]["model"] == "random"
    picture = Image.radial_gradient("L")
    shown = [Shown(item, 1, {0: ShownPicture(Picture.of(picture).data)}) for item in items(tmp_path)]
    heard = {
        one.item.id: Hearing(one.item.id, 1, {0: ""}, {}, tuple(rows)) for one, rows in judge.hear(shown)
    }
    for one in shown:
        expected = scorer(picture.convert("RGB"), one.item.prompt)
        assert heard[one.item.id].ok(0)[LIKELIHOODS].evidence == {"logs": expected}
    summary = summarise([one.item for one in shown], heard)
    assert summary.is_complete and summary.headline.value is not None and 0 < summary.headline.value < 1
