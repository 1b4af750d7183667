"""Asking a model in templates, for stages: what becomes of a record, with an answer and without one."""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from irg.core.cost import Cost
from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.core.settings import BaseSettings
from irg.endpoint.client import Endpoint
from irg.endpoint.errors import EndpointError
from irg.endpoint.estimate import Call, Estimate, estimate
from irg.endpoint.probe import Things, label, question
from irg.endpoint.requests import ChatRequest, Message, Reply
from irg.endpoint.settings import Account, EndpointSettings
from irg.endpoint.structured import strict_schema
from irg.endpoint.templates import Template
from irg.stages.records import Item, Reject
from irg.stages.stage import Identity, Resource, StopRun

Shape = TypeVar("Shape", bound=BaseModel)
Result = TypeVar("Result")
Value = TypeVar("Value")

TYPICAL_BYTES = 200
"""Of a prompt, for estimates."""


class Sampling(BaseSettings):
    """How a model writes: the most tokens of an answer, and how freely. None leaves it to the server."""

    max_tokens: int = Field(default=1000, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)


class Respondent:
    """A model that is asked in templates. Nothing is opened before the first question."""

    def __init__(
        self,
        settings: EndpointSettings,
        account: Account,
        templates: Mapping[str, Template],
        sampling: Sampling | None = None,
    ) -> None:
        self.endpoint = Endpoint(settings, account)
        self.sampling = sampling or Sampling()
        self.templates = dict(templates)

    def identity(self, stage: str, schemas: Mapping[str, type[BaseModel] | None], seed: int) -> Identity:
        """Of a stage that asks in these templates, for answers of these shapes."""
        digests = {
            name: digest_of(self.templates[name].digest, strict_schema(schema) if schema else None)
            for name, schema in schemas.items()
        }
        settings = self.endpoint.settings
        model = {"name": settings.model, "extra": settings.extra}
        return Identity(stage, 1, model, digests, self.sampling.model_dump(mode="json"), seed)

    def call(self, count: int, name: str, pictures: int, typical_tokens: int) -> Call:
        """What asking with a template comes to, for estimates."""
        template = self.templates[name]
        num_bytes = len((template.system + template.user).encode()) + 4 * TYPICAL_BYTES
        most = self.sampling.max_tokens
        return Call(count, num_bytes, pictures, min(typical_tokens, most), most)

    def estimate(self, calls: Sequence[Call]) -> Estimate:
        return estimate(self.endpoint.settings, calls)

    async def ask(
        self,
        name: str,
        fields: Mapping[str, object],
        schema: type[Shape],
        seed: int,
        pictures: Sequence[str | Picture] = (),
    ) -> Reply[Shape]:
        """The answer to a filled template, with pictures (and words between them) after it."""
        template, sampling = self.templates[name], self.sampling
        system, user = template.fill(dict(fields))
        messages = (Message("system", (system,)), Message("user", (user, *pictures)))
        request = ChatRequest(
            messages, sampling.max_tokens, template.label, sampling.temperature, sampling.top_p, seed
        )
        return await self.endpoint.complete(request, schema)

    async def probe(self, shows: bool) -> None:
        """One easy question in the way that all others are asked, with a picture or without. Raises
        EndpointError."""
        name, sampling = label(self.endpoint.settings), self.sampling
        asked = (question(shows), sampling.max_tokens, name, sampling.temperature, sampling.top_p)
        await self.endpoint.complete(ChatRequest(*asked, seed=0), Things)


@dataclass
class Case(Generic[Item]):
    """One record's questions to a model: whatever becomes of it, what they cost is put down."""

    record: Item
    costs: list[Cost] = field(default_factory=list)

    async def paid(self, asked: Awaitable[Reply[Value]]) -> Reply[Value]:
        """The answer to a question of the record's."""
        reply = await asked
        self.costs.append(reply.usage)
        return reply

    @property
    def cost(self) -> Cost:
        """The same sum whatever the order in which the answers came."""
        total = sum(self.costs, start=Cost())
        return replace(total, money=math.fsum(cost.money for cost in self.costs))


class AskingStage(ABC, Generic[Item]):
    """A stage that asks a model about one record after the other: `one` says what becomes of it."""

    resource = Resource.ENDPOINT
    shows = False
    """Whether the model is shown pictures."""

    def __init__(self, teacher: Respondent, identity: Identity) -> None:
        self.teacher, self.identity = teacher, identity

    async def run_async(self, records: Sequence[Item]) -> list[Item]:
        return await each(self.teacher, self.identity.name, records, self.one)

    async def probe(self) -> None:
        """Find out whether the model can be asked. Raises EndpointError."""
        await self.teacher.probe(self.shows)

    @abstractmethod
    async def one(self, case: Case[Item]) -> Item: ...


async def gathered(*asked: Awaitable[Result]) -> list[Result]:
    """All the answers. The first failure among them is raised when all are there, so that none goes on
    behind the back of a record that has come to its end."""
    results = await asyncio.gather(*asked, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def each(
    model: Respondent,
    stage: str,
    records: Sequence[Item],
    work: Callable[[Case[Item]], Awaitable[Item]],
) -> list[Item]:
    """What `work` makes of every record; those that got no answer are rejected with the reason.

    Raises StopRun where the reason concerns all. What was answered until then is known to the next run.
    """

    async def one(record: Item) -> Item | EndpointError:
        case = Case(record)
        try:
            result = await work(case)
        except EndpointError as failure:
            if failure.reason.stops_run:
                return failure
            result = replace(record, rejected=Reject(stage, failure.reason.value, failure.detail))
        return replace(result, cost=record.cost + case.cost)

    async with model.endpoint.open():
        results = await asyncio.gather(*(one(record) for record in records))
    for result in results:
        if isinstance(result, EndpointError):
            raise StopRun(f"{stage} by {model.endpoint.settings.model}: {result}")
    return [result for result in results if not isinstance(result, EndpointError)]
