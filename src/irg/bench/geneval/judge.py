"""The judge of GenEval: what its scorer finds in a picture, as evidence."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from irg.bench.failing import found_or_failed
from irg.bench.geneval.evidence import OBJECTS, as_evidence
from irg.bench.protocol import EvidenceRow, Shown
from irg.core.picture import Picture
from irg.scorers.clip import Clip
from irg.scorers.detector import InstanceDetector
from irg.scorers.geneval.finder import ObjectFinder


class GenevalJudge:
    """Judges pictures one by one, so that none depends on those beside it."""

    def __init__(self, detector: InstanceDetector, clip: Clip) -> None:
        """Raises ValueError for a detector of other classes than COCO's."""
        self._find = ObjectFinder(detector, clip)
        self.identity: Mapping[str, Any] = self._find.identity

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        for one in shown:
            work = {
                number: partial(self.evidence, picture, one.item.facts)
                for number, picture in one.pictures.items()
            }
            yield one, [found_or_failed(number, OBJECTS, find) for number, find in work.items()]

    def evidence(self, picture: Picture, asked: Mapping[str, Any]) -> dict[str, Any]:
        """All objects of a picture, the surest first; with colours those that count for a clause with one."""
        return as_evidence(self._find(picture.open(), asked))
