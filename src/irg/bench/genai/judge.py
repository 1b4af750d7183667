"""The judge of GenAI-Bench: how likely CLIP-FlanT5 says that a picture shows its prompt."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from irg.bench.genai.summary import LIKELIHOODS
from irg.bench.protocol import EvidenceRow, Shown
from irg.scorers.vqascore import VqaScore


class VqaScoreJudge:
    """Judges pictures one by one, so that none depends on those beside it."""

    def __init__(self, scorer: VqaScore) -> None:
        self._scorer = scorer
        self.identity: Mapping[str, Any] = {"vqascore": scorer.identity}

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        for one in shown:
            found = {
                number: self._scorer(picture.open(), one.item.prompt)
                for number, picture in one.pictures.items()
            }
            yield one, [EvidenceRow(number, LIKELIHOODS, {"logs": logs}) for number, logs in found.items()]
