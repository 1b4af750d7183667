"""Asking a teacher: a model behind an endpoint, templates, and what becomes of a record without an answer."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from irg.core.cost import Cost
from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.core.settings import BaseSettings
from irg.curate.records import TraceRecord
from irg.curate.teacher.templates import Template, shipped
from irg.endpoint import (
    Account,
    Call,
    ChatRequest,
    Endpoint,
    EndpointError,
    EndpointSettings,
    Estimate,
    Message,
    Reply,
    estimate,
)
from irg.endpoint.structured import strict_schema
from irg.stages.stage import Identity, StopRun

Shape = TypeVar("Shape", bound=BaseModel)
Result = TypeVar("Result")

TYPICAL_BYTES = 200
"""Of a prompt, for estimates."""


class Sampling(BaseSettings):
    """How a model writes: the most tokens of an answer, and how freely. None leaves it to the server."""

    max_tokens: int = Field(default=1000, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)


class Teacher:
    """A model that is asked in templates. Nothing is opened before the first question."""

    def __init__(
        self,
        settings: EndpointSettings,
        account: Account,
        sampling: Sampling | None = None,
        templates: Mapping[str, Template] | None = None,
    ) -> None:
        self.endpoint = Endpoint(settings, account)
        self.sampling = sampling or Sampling()
        self.templates = dict(templates or shipped())

    def identity(self, stage: str, schemas: Mapping[str, type[BaseModel] | None], seed: int) -> "Identity":
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


@dataclass
class Case:
    """One record's questions to a teacher: whatever becomes of it, what they cost is put down."""

    teacher: Teacher
    record: TraceRecord
    costs: list[Cost] = field(default_factory=list)

    async def ask(
        self,
        name: str,
        fields: Mapping[str, object],
        schema: type[Shape],
        seed: int,
        pictures: Sequence[str | Picture] = (),
    ) -> Reply[Shape]:
        """The answer to a filled template, with pictures (and words between them) after it."""
        template, sampling = self.teacher.templates[name], self.teacher.sampling
        system, user = template.fill(dict(fields))
        messages = (Message("system", (system,)), Message("user", (user, *pictures)))
        request = ChatRequest(
            messages, sampling.max_tokens, template.label, sampling.temperature, sampling.top_p, seed
        )
        return self.paid(await self.teacher.endpoint.complete(request, schema))

    def paid(self, reply: Reply[Any]) -> Reply[Any]:
        self.costs.append(reply.usage)
        return reply

    @property
    def cost(self) -> Cost:
        """The same sum whatever the order in which the answers came."""
        total = sum(self.costs, start=Cost())
        return replace(total, money=math.fsum(cost.money for cost in self.costs))


async def gathered(*asked: Awaitable[Result]) -> list[Result]:
    """All the answers. The first failure among them is raised when all are there, so that none goes on
    behind the back of a record that has come to its end."""
    results = await asyncio.gather(*asked, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def each(
    teacher: Teacher,
    stage: str,
    records: Sequence[TraceRecord],
    work: Callable[[Case], Awaitable[TraceRecord]],
) -> list[TraceRecord]:
    """What `work` makes of every record; those that got no answer are rejected with the reason.

    Raises StopRun where the reason concerns all. What was answered until then is known to the next run.
    """

    async def one(record: TraceRecord) -> TraceRecord | EndpointError:
        case = Case(teacher, record)
        try:
            result = await work(case)
        except EndpointError as failure:
            if failure.reason.stops_run:
                return failure
            result = record.reject(stage, failure.reason.value, failure.detail)
        return replace(result, cost=record.cost + case.cost)

    async with teacher.endpoint.open():
        results = await asyncio.gather(*(one(record) for record in records))
    for result in results:
        if isinstance(result, EndpointError):
            raise StopRun(f"{stage} by {teacher.endpoint.settings.model}: {result}")
    return [result for result in results if isinstance(result, TraceRecord)]
