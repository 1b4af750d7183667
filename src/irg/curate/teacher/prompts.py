"""Prompts by a teacher: batches of them about given subjects, without end."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, create_model

from irg.core.digest import digest_of
from irg.curate.propose import Proposal
from irg.endpoint import EndpointError, Estimate
from irg.endpoint.asking import Respondent
from irg.stages.stage import StopRun

SUBJECTS = (
    "people at work",
    "people together in everyday life",
    "animals and what they do",
    "plants and landscapes",
    "weather, light and seasons",
    "towns, streets and buildings",
    "rooms and furniture",
    "food and drink",
    "tools, machines and vehicles",
    "several objects of given numbers, colours and materials",
    "objects that stand in given places to each other",
    "signs, labels and other words to be read",
    "customs, feasts and clothes of some part of the world",
    "well-known places and buildings",
    "events and eras of history",
    "how things behave: melting, burning, floating, breaking, growing",
    "science and the very small or very far",
    "fairy tales, myths and imagined creatures",
    "imagined places and future worlds",
    "drawings, prints, sculpture and other arts and crafts",
    "abstract ideas and feelings shown as pictures",
    "diagrams, maps and design",
)


OnePrompt = Annotated[str, Field(min_length=3, max_length=600)]


class PromptList(BaseModel):
    model_config = ConfigDict(extra="forbid")

    prompts: list[str]


@cache
def batch_of(count: int) -> type[PromptList]:
    items = Annotated[list[OnePrompt], Field(min_length=count, max_length=count)]
    return create_model("Prompts", __base__=PromptList, prompts=(items, ...))


class TeacherPrompts:
    """Proposal n is the same whenever it is asked for: place n % `batch` of the answer to question
    n // `batch`, which is about one of the subjects in turn."""

    def __init__(
        self,
        teacher: Respondent,
        subjects: Sequence[str] = SUBJECTS,
        batch: int = 20,
        licence: str = "",
        seed: int = 0,
    ) -> None:
        self.teacher, self.subjects, self.batch = teacher, tuple(subjects), batch
        self.licence = licence
        identity = teacher.identity("teacher prompts", {"propose": batch_of(batch)}, seed)
        added = {"subjects": list(subjects), "batch": batch, "licence": licence}
        self.identity = replace(identity, settings=identity.settings | added)

    async def proposals(self, start: int, count: int) -> Sequence[Proposal]:
        """In the place of a batch that the teacher did not answer are proposals that say why, and are
        rejected. Raises StopRun where the reason concerns all."""
        numbers = range(start // self.batch, (start + count - 1) // self.batch + 1)
        async with self.teacher.endpoint.open():
            batches = await asyncio.gather(*(self._ask(number) for number in numbers))
        for answer in batches:
            if isinstance(answer, EndpointError) and answer.reason.stops_run:
                raise StopRun(f"propose by {self.teacher.endpoint.settings.model}: {answer}")
        first = start - numbers[0] * self.batch
        return [proposal for answer in batches for proposal in self._proposed(answer)][first : first + count]

    def estimate(self, count: int) -> Estimate:
        num_batches = -(-count // self.batch)
        return self.teacher.estimate([self.teacher.call(num_batches, "propose", 0, self.batch * 35)])

    async def probe(self) -> None:
        """Find out whether the teacher can be asked. Raises EndpointError."""
        await self.teacher.probe(shows=False)

    async def _ask(self, number: int) -> list[str] | EndpointError:
        fields = {"count": self.batch, "subject": self.subjects[number % len(self.subjects)]}
        seed = int(digest_of(self.identity.digest, number)[:15], 16)
        try:
            return (await self.teacher.ask("propose", fields, batch_of(self.batch), seed)).value.prompts
        except EndpointError as failure:
            return failure

    def _proposed(self, answer: list[str] | EndpointError) -> list[Proposal]:
        name = self.teacher.endpoint.settings.model
        if isinstance(answer, EndpointError):
            why = (answer.reason.value, answer.detail)
            return self.batch * [Proposal("", f"teacher {name}", self.licence, problem=why)]
        return [Proposal(prompt, f"teacher {name}", self.licence) for prompt in answer]
