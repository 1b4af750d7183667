"""The judge of GenAI-Bench: how likely CLIP-FlanT5 says that a picture shows its prompt."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from irg.bench.failing import found_or_failed
from irg.bench.genai.summary import LIKELIHOODS
from irg.bench.protocol import EvidenceRow, Shown
from irg.core.picture import Picture
from irg.scorers.vqascore import VqaScore


class VqaScoreJudge:
    """Judges pictures one by one, so that none depends on those beside it."""

    def __init__(self, scorer: VqaScore) -> None:
        self._scorer = scorer
        self.identity: Mapping[str, Any] = {"vqascore": scorer.identity}

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        for one in shown:
            work = {
                number: partial(self._evidence, picture, one.item.prompt)
                for number, picture in one.pictures.items()
            }
            yield one, [found_or_failed(number, LIKELIHOODS, find) for number, find in work.items()]

    def _evidence(self, picture: Picture, text: str) -> dict[str, Any]:
        return {"logs": self._scorer(picture.open(), text)}
