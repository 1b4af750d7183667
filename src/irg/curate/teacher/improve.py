"""A better picture by an images API."""

from dataclasses import replace
from enum import StrEnum

from irg.core.picture import Picture
from irg.curate.records import TraceRecord
from irg.endpoint import Call, Estimate, ImageRequest
from irg.endpoint.asking import AskingStage, Case, Respondent
from irg.endpoint.probe import DRAWN, label, red


class Improvement(StrEnum):
    DRAW = "draw"
    """Image 2 is drawn from the prompt alone, as a stronger model sees it."""
    EDIT = "edit"
    """Image 2 is image 1, repainted."""


class EndpointImprove(AskingStage[TraceRecord]):
    """Image 2 by an images API, which may be our own server with another checkpoint."""

    def __init__(
        self,
        teacher: Respondent,
        size: tuple[int, int] = (1024, 1024),
        how: Improvement = Improvement.DRAW,
        seed: int = 0,
    ) -> None:
        self.size, self.how = size, how
        self.template = "improve" if how is Improvement.DRAW else "improve_from_picture"
        identity = teacher.identity("improve", {self.template: None}, seed)
        super().__init__(teacher, replace(identity, settings={"size": list(size), "how": how}))

    def estimate(self, count: int) -> Estimate:
        return self.teacher.estimate([Call(count, images=1)])

    async def probe(self) -> None:
        source = red() if self.how is Improvement.EDIT else None
        name = label(self.teacher.endpoint.settings)
        await self.teacher.endpoint.draw(ImageRequest(DRAWN, self.size, source, name, seed=0))

    async def one(self, case: Case[TraceRecord]) -> TraceRecord:
        record = case.record
        edits = self.how is Improvement.EDIT
        assert record.image1 is not None or not edits, "repainting needs a picture"
        template = self.teacher.templates[self.template]
        words = "\n\n".join(text for text in template.fill({"prompt": record.prompt}) if text)
        request = ImageRequest(
            words,
            self.size,
            record.image1 if edits else None,
            template.label,
            self.identity.seed_for(record),
        )
        reply = await case.paid(self.teacher.endpoint.draw(request))
        noted = record.noted({"image 2": "endpoint", "image 2 model": reply.served})
        return replace(noted, image2=Picture(reply.value))
