"""Objects in pictures: a detector tells what is where, CLIP the colours of what has to have one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from irg.core.digest import digest_of
from irg.scorers.clip import Clip
from irg.scorers.detector import InstanceDetector
from irg.scorers.geneval.asked import NAMES
from irg.scorers.geneval.colours import GREY, TEMPLATES, ColourClassifier, crop
from irg.scorers.geneval.verdict import COLOURS, DetectedObject, counted

Found = tuple[DetectedObject, Sequence[float] | None]
"""An object, with the logits of `COLOURS` if anyone looked."""


class ObjectFinder:
    """Looks at pictures one by one, so that what is found depends on none beside them."""

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

    def __call__(self, image: Image.Image, asked: Mapping[str, Any]) -> list[Found]:
        """All objects of a picture, the surest first; with colours those that count for a clause with one."""
        instances = sorted(self._detector(image), key=lambda one: one.score, reverse=True)
        masks = {DetectedObject(NAMES[one.label], one.box, one.score): one.mask for one in instances}
        kept = counted([*masks], asked["tag"])
        logits: dict[DetectedObject, list[float]] = {}
        for name in {clause["class"] for clause in asked["include"] if "color" in clause}:
            some = kept.get(name, [])
            crops = [crop(image, one.box, masks[one]) for one in some]
            logits |= zip(some, self._colours(name, crops), strict=True)
        return [(_coloured(one, logits.get(one)), logits.get(one)) for one in masks]


def most_likely(logits: Sequence[float]) -> str:
    return COLOURS[max(range(len(COLOURS)), key=logits.__getitem__)]


def _coloured(found: DetectedObject, logits: Sequence[float] | None) -> DetectedObject:
    return found if logits is None else replace(found, colour=most_likely(logits))
