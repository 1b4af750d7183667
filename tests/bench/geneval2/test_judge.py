from pathlib import Path

import pytest
import torch
from PIL import Image

from irg.bench.geneval2.answers import accepted, matches
from irg.bench.geneval2.summary import SUMMARIES
from irg.bench.protocol import Hearing, Shown, ShownPicture
from irg.core.picture import Picture
from tests.bench.cases import Cases
from tests.bench.geneval2.samples import PROMPTS, items

pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
from irg.bench.geneval2.judge import SoftTifaJudge, asked, soft_score
from tests.scorers.models import first_words

CASES = Cases("geneval2.json", "vocabulary", "first_token_of", "judge")
_ELSE = -20.0
"""The logit of every word that a case does not name."""


def test_golden_judgements() -> None:
    """Over the cases' own vocabulary, where a word that is none begins with its first letter."""
    vocabulary = CASES["vocabulary"]

    def first(word: str) -> int:
        return vocabulary.index(word if word in vocabulary else word[0])

    for word, expected in CASES["first_token_of"].items():
        assert vocabulary[first(word)] == expected
    for case in CASES["judge"]:
        logits = torch.tensor([case["logits"].get(word, _ELSE) for word in vocabulary])
        chances, pair = logits.softmax(-1), (case["question"], case["answer"])
        assert asked(case["question"]) == case["judge_text"]
        assert soft_score(chances, [first(word) for word in accepted(*pair)]) == pytest.approx(
            case["soft"], abs=1e-6
        )
        assert matches(vocabulary[int(chances.argmax())], *pair) == bool(case["tifa"])


def test_pictures_are_judged_by_a_real_model_of_random_weights(tmp_path: Path) -> None:
    """From the picture to the numbers."""
    questions = [pair for prompt in PROMPTS for pair in prompt["vqa_list"]]
    words = [word for pair in questions for word in (asked(pair[0]), *accepted(*pair))]
    scorer = first_words(words)
    judge, picture = SoftTifaJudge(scorer), Image.radial_gradient("L").convert("RGB")
    assert judge.identity["first words"]["model"] == "random"
    shown = [Shown(item, 1, {0: ShownPicture(Picture.of(picture).data)}) for item in items(tmp_path)]
    heard = {
        one.item.id: Hearing(one.item.id, 1, {0: ""}, {}, tuple(rows)) for one, rows in judge.hear(shown)
    }
    evidence = heard["0001"].ok(0)["01 Does the dog run?"].evidence
    chances = scorer(picture, "Does the dog run? Answer in one word.")
    tokens = scorer.first_tokens(["Yes", "yes", " yes", " Yes"])
    assert evidence["soft"] == pytest.approx(chances[tokens].sum().item()) and 0 < evidence["soft"] < 1
    for summarise in SUMMARIES.values():
        summary = summarise([one.item for one in shown], heard)
        assert summary.is_complete and summary.headline.counted == 2


def test_a_picture_that_is_too_much_for_the_model_ends_nothing(tmp_path: Path) -> None:
    """The model reads no picture that is 200 times as long as it is high."""
    item = items(tmp_path)[1]
    scorer = first_words(
        [word for pair in PROMPTS[1]["vqa_list"] for word in (asked(pair[0]), *accepted(*pair))]
    )
    long, square = (ShownPicture(Picture.of(Image.new("RGB", size)).data) for size in ((9000, 40), (40, 40)))
    ((_, rows),) = SoftTifaJudge(scorer).hear([Shown(item, 1, {0: long, 1: square})])
    assert [row.fault for row in rows] == ["judge error: ValueError"] * 2 + [None] * 2
    assert "aspect ratio" in rows[0].evidence["detail"]
