"""Judges that are models behind an address: what they are asked, and what becomes of their answers.

An answer that can be read is kept by its account as soon as it is there, under all that decided on it, and is
never paid for twice. One that cannot be read, a refusal and an error are told, are never kept, and are asked
about again the next time.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irg.bench.protocol import EvidenceRow, Shown, Status
from irg.endpoint import ChatRequest, Endpoint, EndpointError, NoAnswer
from irg.endpoint.structured import UnfitAnswerError

_ROW_STATUS = {NoAnswer.INVALID: Status.PARSE_FAILED, NoAnswer.REFUSED: Status.REFUSED}


@dataclass(frozen=True, eq=False)
class Question:
    """One request to a judge: about which picture (None: all of an item's), and the question's name.

    `request` makes it, for the first attempt and for later ones, from 0; `read` makes evidence of an answer,
    and raises UnfitAnswerError for one that it cannot read.
    """

    picture: int | None
    name: str
    request: Callable[[int], ChatRequest]
    read: Callable[[str], dict[str, Any]]


class AskingJudge:
    """Asks a model what there is to be asked about pictures, many questions at a time.

    A question whose answer cannot be read, or is not there after all attempts of the endpoint, is put again,
    up to `readings` times in all. With one attempt at the endpoint that is how official scripts count.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        identity: Mapping[str, Any],
        questions: Callable[[Shown], Sequence[Question]],
        readings: int = 3,
    ) -> None:
        self.endpoint, self.identity, self.questions, self.readings = endpoint, identity, questions, readings

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, Sequence[EvidenceRow]]]:
        """Ask about all of it at once, and give the rows of each as soon as its last answer is there."""
        if not shown:
            return
        with asyncio.Runner() as runner:
            heard: asyncio.Queue[tuple[Shown, list[EvidenceRow]]] = asyncio.Queue()
            work = runner.get_loop().create_task(self._hear(shown, heard))
            for _ in shown:
                yield runner.run(_next(heard, work))
            runner.run(_ended(work))

    async def _hear(
        self, shown: Sequence[Shown], heard: asyncio.Queue[tuple[Shown, list[EvidenceRow]]]
    ) -> None:
        # Questions and requests hold pictures: they are made only when there is a place for them.
        items, places = (asyncio.Semaphore(self.endpoint.settings.in_flight) for _ in range(2))

        async def one(item: Shown) -> None:
            async with items:
                rows = await asyncio.gather(*(self._row(asked, places) for asked in self.questions(item)))
            heard.put_nowait((item, rows))

        async with self.endpoint.open():
            await asyncio.gather(*(one(item) for item in shown))

    async def _row(self, asked: Question, places: asyncio.Semaphore) -> EvidenceRow:
        unread: list[str] = []

        def read(text: str) -> dict[str, Any]:
            try:
                return asked.read(text) | {"answer": text}
            except UnfitAnswerError:
                unread.append(text)
                raise

        failure = None
        for attempt in range(self.readings):
            try:
                async with places:
                    request = asked.request(attempt)
                    reply = await self.endpoint.read(request, read)
            except EndpointError as error:
                failure = error
                if error.reason is not NoAnswer.INVALID and not error.reason.retried:
                    break
            else:
                evidence = reply.value | ({"unread": unread} if unread else {})
                said = {"served": reply.served, "asked": request.template}
                return EvidenceRow(asked.picture, asked.name, evidence, judge=said)
        assert failure is not None, "a judge reads at least one answer"
        told = {"reason": str(failure.reason), "detail": failure.detail, "unread": unread}
        status = _ROW_STATUS.get(failure.reason, Status.JUDGE_ERROR)
        return EvidenceRow(asked.picture, asked.name, told, status)


async def _next(
    heard: asyncio.Queue[tuple[Shown, list[EvidenceRow]]], work: asyncio.Task[None]
) -> tuple[Shown, list[EvidenceRow]]:
    """What is heard next; or the error that ended the work, where there will be nothing more."""
    waiting = asyncio.ensure_future(heard.get())
    await asyncio.wait([waiting, work], return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        work.result()
    return waiting.result()


async def _ended(work: asyncio.Task[None]) -> None:
    await work
