"""Leaving some of the records to the student's own thoughts, where the rest get a teacher's."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from irg.curate.records import TraceRecord
from irg.curate.teacher import TeacherThink
from irg.endpoint import Estimate
from irg.stages.stage import Resource


class ShareWithStudent:
    """A teacher's thoughts for all but a share of the records: those go on without one, so that they are
    drawn with the student's own."""

    resource = Resource.ENDPOINT

    def __init__(self, inner: TeacherThink, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"student share {share}: expected a share between 0 and 1")
        self.inner, self.share = inner, share
        known = inner.identity
        self.identity = replace(known, settings={**known.settings, "student": share})

    async def run_async(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        chosen = [place for place, record in enumerate(records) if self._is_taught(record)]
        results = list(records)
        if chosen:
            thought = await self.inner.run_async([records[place] for place in chosen])
            for place, record in zip(chosen, thought, strict=True):
                results[place] = record
        return results

    def estimate(self, count: int) -> Estimate:
        return self.inner.estimate(round(count * (1 - self.share)))

    def _is_taught(self, record: TraceRecord) -> bool:
        return bool(np.random.default_rng(self.identity.seed_for(record)).random() >= self.share)
