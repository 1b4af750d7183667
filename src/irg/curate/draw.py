"""Drawing image 1: the student's own pictures, mixed with right scenes that were flawed on purpose."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.curate.oracle import flawed_picture
from irg.curate.records import TraceRecord
from irg.curate.student import PictureOrder, Student
from irg.stages.stage import Identity, Resource


class Draw:
    """`candidates` pictures per record, the first of which is image 1 until a later stage chooses another.

    A record without a thought gets the student's own, which all its candidates are drawn from. In the scene
    world, of the records with a teacher's thought a share (`flawed`) get that scene as image 1, flawed on
    purpose, in place of a student's picture; a share of those (`untouched`) are left without a flaw.
    """

    resource = Resource.DEVICE

    def __init__(
        self,
        student: Student,
        candidates: int = 1,
        flawed: float = 0.0,
        untouched: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.student, self.candidates, self.seed = student, candidates, seed
        self.flawed, self.untouched = flawed, untouched

    @property
    def identity(self) -> Identity:
        flawing = {"share": self.flawed, "untouched": self.untouched}
        settings = {"candidates": self.candidates, "flawing": flawing}
        return Identity("draw", 1, self.student.identity, settings=settings, seed=self.seed)

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        prepared = [self._prepare(record) for record in records]
        places = [place for place, record in enumerate(prepared) if _waits(record)]
        for place, drawn in zip(places, self._drawn([prepared[place] for place in places]), strict=True):
            prepared[place] = drawn
        return prepared

    def retire(self) -> None:
        self.student.retire()

    def _prepare(self, record: TraceRecord) -> TraceRecord:
        """The record with a flawed scene, or rejected, or as it was if the student is to draw it."""
        rng = np.random.default_rng(self.identity.seed_for(record))
        if record.thought is not None and rng.random() < self.flawed:
            try:
                picture = flawed_picture(record.thought, rng.random() >= self.untouched, rng)
            except ValueError as unknown:
                return record.reject("draw", "no scene to flaw", str(unknown))
            noted = record.noted({"image 1": "programmatic flaws"})
            return replace(noted, candidates=(picture,), image1=picture)
        problem = self.student.problem(record.prompt, record.thought)
        return record.reject("draw", "too long for the student", problem) if problem else record

    def _drawn(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        drawn = [[drawing] for drawing in self.student.draw([self._order(record, 0) for record in records])]
        for number in range(1, self.candidates):
            orders = [
                replace(self._order(record, number), thought=drawings[0].thought)
                for record, drawings in zip(records, drawn, strict=True)
            ]
            for drawings, drawing in zip(drawn, self.student.draw(orders), strict=True):
                drawings.append(drawing)
        finished = []
        for record, drawings in zip(records, drawn, strict=True):
            pictures = tuple(Picture.of(drawing.image) for drawing in drawings)
            noted = record.noted({"image 1": "student"} | ({} if record.thought else {"thought": "student"}))
            full = replace(noted, thought=drawings[0].thought, candidates=pictures, image1=pictures[0])
            finished.append(full.reject("draw", "thought without an end") if drawings[0].capped else full)
        return finished

    def _order(self, record: TraceRecord, number: int) -> PictureOrder:
        seed = int(digest_of(self.identity.key(record.id), number)[:15], 16)
        return PictureOrder(record.prompt, record.thought, seed)


def _waits(record: TraceRecord) -> bool:
    return record.rejected is None and not record.candidates
