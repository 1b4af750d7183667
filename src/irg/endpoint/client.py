"""An endpoint: questions in, checked answers out, through cache, budget, retries and one repair."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar, overload

from pydantic import BaseModel

from irg.core.cost import Cost
from irg.endpoint.answers import Response
from irg.endpoint.budget import Charge, Ledger
from irg.endpoint.cache import AnswerCache, Stored
from irg.endpoint.database import Database
from irg.endpoint.errors import EndpointError, NoAnswer, Secret
from irg.endpoint.estimate import input_bound
from irg.endpoint.requests import (
    ChatRequest,
    ImageRequest,
    Message,
    Reply,
    chat_key,
    image_key,
    wire_messages,
    wire_seed,
    written_key,
)
from irg.endpoint.session import Patience, Result, Session
from irg.endpoint.settings import Account, EndpointSettings
from irg.endpoint.structured import (
    UnfitAnswerError,
    instruction,
    read_answer,
    repair,
    response_format,
    without_reasoning,
)

Shape = TypeVar("Shape", bound=BaseModel)
Value = TypeVar("Value")


class Endpoint:
    """One model behind an address, for any number of questions at once.

    Nothing is opened before it is needed. Connections and the account's file are kept open while a question
    is under way or an `async with endpoint.open()` lasts, in whatever event loop that is.
    """

    def __init__(self, settings: EndpointSettings, account: Account) -> None:
        if account.max_cost is not None and settings.price is None:
            raise ValueError(f"max_cost needs a price for {settings.model!r}: add it to prices")
        self.settings = settings
        self.account = account
        self._database = Database(account)
        self._cache = AnswerCache(self._database)
        self._budget = Ledger(self._database, account)
        self._sessions: dict[asyncio.AbstractEventLoop, Session] = {}
        self._patience = Patience(settings.patience, settings.alike)

    def __repr__(self) -> str:
        return f"Endpoint({self.settings.model!r} at {self.settings.base_url})"

    def __reduce__(self) -> tuple:
        return Endpoint, (self.settings, self.account)

    @overload
    async def complete(self, request: ChatRequest, schema: type[Shape]) -> Reply[Shape]: ...

    @overload
    async def complete(self, request: ChatRequest, schema: None = None) -> Reply[str]: ...

    async def complete(self, request: ChatRequest, schema: type[BaseModel] | None = None) -> Reply[Any]:
        """The model's answer, as an object of the schema, or as text where none is given.

        An answer that does not fit the schema is sent back once. Raises EndpointError.
        """

        def read(stored: Stored) -> Any:
            text = str(stored.content)
            return text if schema is None else read_answer(text, schema)

        ask = partial(self._chat, request=request, schema=schema)
        return await self._shared(chat_key(self.settings, request, schema), request.template, read, ask)

    async def read(self, request: ChatRequest, reader: Callable[[str], Value]) -> Reply[Value]:
        """What a reader makes of the model's answer, which it is given as the model wrote it.

        An answer for which it raises UnfitAnswerError is not kept, and not sent back either: asked again, the
        model answers anew. Raises EndpointError.
        """

        async def ask(session: Session) -> tuple[Stored, int]:
            answer, usage, attempts = await self._exchange(session, request, None, request.messages)
            text = str(answer.content)
            try:
                reader(text)
            except UnfitAnswerError as unfit:
                cut = f"; it was cut after {request.max_tokens} tokens" if answer.finish == "length" else ""
                problem = f"{unfit}{cut}"
            else:
                return Stored(text, usage, answer.served), attempts
            raise EndpointError(NoAnswer.INVALID, problem)

        key = written_key(self.settings, request)
        return await self._shared(key, request.template, lambda stored: reader(str(stored.content)), ask)

    async def draw(self, request: ImageRequest) -> Reply[bytes]:
        """The bytes of a PNG, drawn from a prompt or from a picture and a prompt. Raises EndpointError."""

        def read(stored: Stored) -> bytes:
            if not isinstance(stored.content, bytes):
                raise UnfitAnswerError("it is no picture")
            return stored.content

        ask = partial(self._draw, request=request)
        return await self._shared(image_key(self.settings, request), request.template, read, ask)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Session]:
        """Keeps connections open for as long as it lasts; may be entered by many at once."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            session = self._sessions[loop] = Session(self.settings, self._budget, self._patience)
        session.users += 1
        try:
            yield session
        finally:
            session.users -= 1
            if session.users == 0:
                del self._sessions[loop]
                await session.close()
                if not self._sessions:
                    await asyncio.to_thread(self._database.close)

    def check(self) -> None:
        """Raises ValueError when the key is not where the settings say, so that a long run need not begin."""
        Secret.from_environment(self.settings.key_env)

    async def _shared(
        self,
        key: str,
        kind: str,
        read: Callable[[Stored], Value],
        ask: Callable[[Session], Awaitable[tuple[Stored, int]]],
    ) -> Reply[Value]:
        """The known answer, or the one that is on its way already, or a new one."""
        async with self.open() as session:
            task = session.running.get(key)
            asked_by_other = task is not None
            if task is None:
                task = session.running[key] = asyncio.create_task(self._answer(session, key, kind, read, ask))
                task.add_done_callback(lambda _: session.running.pop(key, None))
            result = await asyncio.shield(task)
        if isinstance(result, EndpointError):
            raise EndpointError(result.reason, result.problem, result.said)
        stored, attempts = result
        cached = asked_by_other or attempts == 0
        return Reply(read(stored), stored.usage, cached, 0 if cached else attempts, stored.served)

    async def _answer(
        self,
        session: Session,
        key: str,
        kind: str,
        read: Callable[[Stored], Any],
        ask: Callable[[Session], Awaitable[tuple[Stored, int]]],
    ) -> Result:
        """What a question leads to, and in how many attempts: none where the answer is known. An error is a
        result here: several may be waiting for it."""
        known = await asyncio.to_thread(self._cache.get, key)
        if known is not None:
            try:
                read(known)
                self._patience.known(kind)
                return known, 0
            except UnfitAnswerError:  # the schema's own checks have become stricter since
                await asyncio.to_thread(self._cache.forget, key)
        try:
            stored, attempts = await ask(session)
        except EndpointError as failure:
            return self._patience.failed(kind, failure)
        self._patience.answered(kind)
        return await asyncio.to_thread(self._cache.put, key, stored), attempts

    async def _chat(
        self, session: Session, request: ChatRequest, schema: type[BaseModel] | None
    ) -> tuple[Stored, int]:
        """An answer; one that is to have a shape and does not is sent back once."""
        messages = _with_instruction(request.messages, schema, self.settings)
        usage, attempts, again = Cost(), 0, False
        while True:
            answer, cost, more = await self._exchange(session, request, schema, messages)
            usage, attempts = usage + cost, attempts + more
            try:
                return Stored(_checked(answer, schema), usage, answer.served), attempts
            except UnfitAnswerError as unfit:
                problem = str(unfit)
            is_cut = answer.finish == "length"
            if is_cut and not without_reasoning(str(answer.content)):  # which it would be again
                words = f"all of its {request.max_tokens} tokens went by before it began: raise max_tokens"
                raise EndpointError(NoAnswer.CUT, words)
            if again or schema is None:
                reason = NoAnswer.CUT if is_cut else NoAnswer.INVALID
                problem = f"also when asked again: {problem}" if again else problem
                raise EndpointError(reason, problem, str(answer.content))
            again = True
            session.count("repair")
            said, wrong = str(answer.content), repair(problem)
            messages += (Message("assistant", (said,)), Message("user", (wrong,)))

    async def _exchange(
        self,
        session: Session,
        request: ChatRequest,
        schema: type[BaseModel] | None,
        messages: tuple[Message, ...],
    ) -> tuple[Response, Cost, int]:
        """One question and its answer: what it cost, and the attempts that it took."""
        settings = self.settings
        shape = response_format(schema, settings.structured) if schema else None
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": await asyncio.to_thread(wire_messages, messages),
            settings.limit_name: request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": wire_seed(request.seed) if settings.send_seed else None,
            "response_format": shape,
            "extra_body": settings.extra,
        }
        sent = {name: value for name, value in body.items() if value is not None}
        most = Charge.of(settings.price, input_bound(messages, shape, settings), request.max_tokens)
        return await session.send(lambda wire: wire.chat(sent), most)

    async def _draw(self, session: Session, request: ImageRequest) -> tuple[Stored, int]:
        settings = self.settings
        body: dict[str, Any] = {
            "model": settings.model,
            "prompt": request.prompt,
            "size": f"{request.size[0]}x{request.size[1]}",
            "n": 1,
            "extra_body": settings.extra,
        }
        if settings.ask_base64:
            body["response_format"] = "b64_json"
        if settings.send_seed and request.seed is not None:
            body["extra_body"] = settings.extra | {"seed": wire_seed(request.seed)}
        most = Charge.of(settings.price, 0, 0, images=1)
        answer, usage, attempts = await session.send(lambda wire: wire.draw(body, request.source), most)
        return Stored(answer.content, usage, answer.served), attempts


def _with_instruction(
    messages: tuple[Message, ...], schema: type[BaseModel] | None, settings: EndpointSettings
) -> tuple[Message, ...]:
    words = instruction(schema, settings.structured) if schema else None
    return messages if words is None else (Message("system", (words,)), *messages)


def _checked(answer: Response, schema: type[BaseModel] | None) -> str:
    """The text to keep: of data, the same spelling whatever the model's. Raises UnfitAnswerError."""
    text = without_reasoning(str(answer.content))
    cut = "it was cut off at the most tokens allowed; be shorter" if answer.finish == "length" else ""
    if schema is None:
        if cut:
            raise UnfitAnswerError(cut)
        return text
    try:
        return read_answer(text, schema).model_dump_json()
    except UnfitAnswerError as unfit:
        problem = cut or str(unfit)
    raise UnfitAnswerError(problem)
