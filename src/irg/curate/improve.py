"""Improving without an oracle or an endpoint: image 2 by another checkpoint, or as it came with its prompt.

Either is judged like any other image 2.
"""

from collections.abc import Sequence
from dataclasses import replace

from irg.core.picture import Picture
from irg.curate.records import TraceRecord
from irg.curate.student import PictureOrder, Student
from irg.stages.stage import EachRecord, Identity, Resource

NAME = "improve"


class CheckpointImprove:
    """Image 2 is the last picture of an episode of `turns` turns by another model, with its own thoughts."""

    resource = Resource.DEVICE

    def __init__(self, improver: Student, turns: int = 1, seed: int = 0) -> None:
        self.improver, self.turns, self.seed = improver, turns, seed

    @property
    def identity(self) -> Identity:
        return Identity(NAME, 1, self.improver.identity, settings={"turns": self.turns}, seed=self.seed)

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        results = list(records)
        going = []
        for place, record in enumerate(records):
            if problem := self.improver.problem(record.prompt, None):
                results[place] = record.reject(NAME, "too long for the improver", problem)
            else:
                going.append(place)
        seeds = [self.identity.seed_for(records[place]) for place in going]
        orders = [
            PictureOrder(records[place].prompt, None, seed) for place, seed in zip(going, seeds, strict=True)
        ]
        for place, image in zip(going, self.improver.improve(orders, self.turns), strict=True):
            if image is None:
                results[place] = records[place].reject(NAME, "no picture came of the plan")
                continue
            noted = records[place].noted({"image 2": "checkpoint"})
            results[place] = replace(noted, image2=Picture.of(image))
        return results

    def retire(self) -> None:
        self.improver.retire()


class GivenImprove(EachRecord[TraceRecord]):
    """Image 2 is the picture that the prompt came with."""

    identity = Identity(NAME, 1, {"name": "given"})

    def one(self, record: TraceRecord) -> TraceRecord:
        if record.image2 is None:
            return record.reject(NAME, "came without a picture")
        return record.noted({"image 2": "given"})
