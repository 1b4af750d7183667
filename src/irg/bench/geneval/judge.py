"""The judge of GenEval: a detector tells what is where, CLIP the colours of what has to have one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from irg.bench.failing import found_or_failed
from irg.bench.geneval.colours import GREY, TEMPLATES, ColourClassifier, crop
from irg.bench.geneval.evidence import OBJECTS, as_evidence, most_likely
from irg.bench.geneval.prompts import NAMES
from irg.bench.geneval.verdict import DetectedObject, counted
from irg.bench.protocol import EvidenceRow, Shown
from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.scorers.clip import Clip
from irg.scorers.detector import InstanceDetector


class GenevalJudge:
    """Judges pictures one by one, so that none depends on those beside it."""

    def __init__(self, detector: InstanceDetector, clip: Clip) -> None:
        """Raises ValueError for a detector of other classes than COCO's."""
        if detector.num_classes != len(NAMES):
            raise ValueError(
                f"a detector of {detector.num_classes} classes: expected COCO's {len(NAMES)}, in their order"
            )
        self._detector, self._colours = detector, ColourClassifier(clip)
        self.identity: Mapping[str, Any] = {
            "detector": detector.identity,
            "clip": clip.identity,
            "templates": digest_of(*TEMPLATES, GREY)[:16],
        }

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        for one in shown:
            work = {
                number: partial(self.evidence, picture, one.item.facts)
                for number, picture in one.pictures.items()
            }
            yield one, [found_or_failed(number, OBJECTS, find) for number, find in work.items()]

    def evidence(self, picture: Picture, asked: Mapping[str, Any]) -> dict[str, Any]:
        """All objects of a picture, the surest first; with colours those that count for a clause with one."""
        image = picture.open()
        instances = sorted(self._detector(image), key=lambda one: one.score, reverse=True)
        masks = {DetectedObject(NAMES[one.label], one.box, one.score): one.mask for one in instances}
        kept = counted([*masks], asked["tag"])
        logits: dict[DetectedObject, list[float]] = {}
        for name in {clause["class"] for clause in asked["include"] if "color" in clause}:
            some = kept.get(name, [])
            crops = [crop(image, one.box, masks[one]) for one in some]
            logits |= zip(some, self._colours(name, crops), strict=True)
        return as_evidence((_coloured(one, logits.get(one)), logits.get(one)) for one in masks)


def _coloured(found: DetectedObject, logits: Sequence[float] | None) -> DetectedObject:
    return found if logits is None else replace(found, colour=most_likely(logits))
