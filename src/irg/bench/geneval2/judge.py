"""The judge of GenEval 2: of each question how likely the answer begins with a right word."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from PIL import Image

from irg.bench.failing import found_or_failed
from irg.bench.geneval2.answers import accepted
from irg.bench.geneval2.prompts import question_of
from irg.bench.protocol import EvidenceRow, Shown
from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.scorers.first_words import FirstWords

_ASKED = "{} Answer in one word."


class SoftTifaJudge:
    """Asks one question at a time, so that no answer depends on those beside it."""

    def __init__(self, scorer: FirstWords) -> None:
        self._scorer = scorer
        self.identity: Mapping[str, Any] = {
            "first words": scorer.identity,
            "template": digest_of(_ASKED)[:16],
        }

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        for one in shown:
            yield (
                one,
                [row for number in one.pictures for row in self._rows(one, number, one.pictures[number])],
            )

    def _rows(self, shown: Shown, number: int, picture: Picture) -> Iterable[EvidenceRow]:
        image = picture.open()
        for index, (question, answer) in enumerate(shown.item.facts["questions"]):
            find = partial(self._evidence, image, question, answer)
            yield found_or_failed(number, question_of(shown.item, index), find)

    def _evidence(self, image: Image.Image, question: str, answer: str) -> dict[str, Any]:
        chances_V = self._scorer(image, asked(question))
        tokens = self._scorer.first_tokens(accepted(question, answer))
        return {"soft": soft_score(chances_V, tokens), "word": self._scorer.likeliest(chances_V)}


def asked(question: str) -> str:
    return _ASKED.format(question)


def soft_score(chances_V: torch.Tensor, tokens: Sequence[int]) -> float:
    """The sum of how likely these tokens are; one that stands twice counts twice, so that it may exceed 1."""
    return chances_V[list(tokens)].sum().item()
