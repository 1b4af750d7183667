"""The server's application: its routes, and what a request goes through before and after them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from irg import __version__
from irg.core.settings import BaseSettings
from irg.model.checkpoint import EMBEDDED
from irg.serve import chat, images, responses
from irg.serve.asked import Asked
from irg.serve.asking import Asker, Fetch
from irg.serve.fields import ChatBody, EditBody, GenerationBody, ResponsesBody, understood
from irg.serve.journal import request_id
from irg.serve.limits import GivenPixels, RequestLimits
from irg.serve.metrics import Metrics, Timed
from irg.serve.plans import NamedPlans
from irg.serve.refusals import Refused, invalid, not_found
from irg.serve.service import Service
from irg.serve.shelf import Shelf
from irg.serve.streams import Json, Streamed, Writer, answered, refusal
from irg.serve.tokens import Caller


@dataclass(frozen=True)
class ServeSettings:
    """How a server behaves, beside what its engine can do."""

    model: str = ""
    """The name that requests may give; the checkpoint's own unless another is given."""
    keep_alive: float = 10.0
    """Seconds of silence in a stream before a comment is sent."""
    fetch: Fetch | None = None
    """How pictures at addresses are had; None refuses them."""
    limits: RequestLimits = field(default_factory=RequestLimits)
    plans: NamedPlans = field(default_factory=NamedPlans)


@dataclass(frozen=True, eq=False)
class Site:
    """What the routes work with."""

    service: Service
    settings: ServeSettings
    shelf: Shelf = field(default_factory=Shelf)
    metrics: Metrics = field(default_factory=Metrics)
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def model(self) -> str:
        return self.settings.model or self.service.checkpoints[0].name or EMBEDDED

    @property
    def asker(self) -> Asker:
        """For one request."""
        given = GivenPixels(self.settings.limits.given_pixels)
        return Asker(self.service.checkpoints[0], self.settings.fetch, self.settings.plans, given)

    def check_model(self, name: str | None) -> None:
        """Raise Refused for the name of a model that is not here."""
        if name not in (None, "", self.model):
            words = f"there is no model {name!r} here: this server has {self.model!r}"
            raise not_found(words, "model_not_found", "model")

    def check(self, request: Request, asked: Asked, count: int = 1) -> None:
        """Raise Refused for what is beyond the limits of the server, or of who asks for it so many times."""
        self.settings.limits.check(asked.outline, caller_of(request), count)

    async def ask(self, asked: Asked) -> Timed:
        """What is told of a request to the engine, which it begins."""
        return Timed(await self.service.ask(asked.wanted), self.metrics)

    async def stream(self, asked: Asked, writer: Writer) -> Response:
        """The answer to what was asked, in the writer's form, while it grows."""
        return Streamed(await self.ask(asked), writer, self.settings.keep_alive)

    async def answer(
        self, request: Request, works: Sequence[tuple[Asked, Writer]], whole: Callable[[], dict[str, Any]]
    ) -> Response:
        """The whole answer to what was asked, each in its writer's form."""
        begun: list[tuple[Timed, Writer]] = []
        try:
            for asked, writer in works:
                begun.append((await self.ask(asked), writer))
            return await answered(request, begun, whole)
        finally:
            for telling, _ in begun:
                await telling.aclose()


def make_app(service: Service, settings: ServeSettings | None = None) -> FastAPI:
    """The application that serves an engine, which it starts and stops with itself."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    site = Site(service, settings or ServeSettings())
    # Its own pages about the schema would run scripts from elsewhere beside our page, which holds a token.
    app = FastAPI(title="irg", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.description = __doc__ or ""
    app.state.site = site
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)
    _add_state(app, site)
    _add_responses(app, site)
    _add_chat(app, site)
    _add_images(app, site)
    return app


def caller_of(request: Request) -> Caller:
    """Who asks, as the gate found."""
    return request.scope.get("state", {}).get("caller") or Caller()


def owner_of(request: Request) -> str:
    """Whose a request is: by its token; without tokens by the address that it comes from."""
    return caller_of(request).name or (request.client.host if request.client else "")


def _add_state(app: FastAPI, site: Site) -> None:
    @app.get("/health", tags=["state"])
    async def health() -> dict[str, str]:
        """Whether the server is up, whatever its models are doing."""
        return {"status": "ok"}

    @app.get("/ready", tags=["state"], response_model=None)
    async def ready() -> Response:
        """Whether a model is loaded: 200, or 503 until then."""
        is_ready = site.service.is_ready
        return Json({"status": "ready" if is_ready else "loading"}, 200 if is_ready else 503)

    @app.get("/v1/models", tags=["models"])
    async def models() -> dict[str, Any]:
        """The model that is served."""
        return {"object": "list", "data": [_model(site)]}

    @app.get("/v1/models/{name:path}", tags=["models"])
    async def model(name: str) -> dict[str, Any]:
        site.check_model(name)
        return _model(site)


def _model(site: Site) -> dict[str, Any]:
    facts = {"id": site.model, "object": "model", "created": site.created, "owned_by": "irg"}
    return {**facts, "plans": list(site.settings.plans.files)}


def _add_responses(app: FastAPI, site: Site) -> None:
    @app.post("/v1/responses", tags=["drawing"], response_model=None)
    async def create_response(body: ResponsesBody, request: Request) -> Response:
        """Thoughts and pictures in their order, whole or as a stream of events."""
        site.check_model(body.model)
        owner = owner_of(request)
        asked = await asyncio.to_thread(responses.asked, site.asker, site.shelf, body, owner)
        site.check(request, asked)
        writer = responses.ResponseWriter(body, site.model, asked, site.shelf, owner)
        if body.stream:
            return await site.stream(asked, writer)
        return await site.answer(request, [(asked, writer)], writer.whole)


def _add_chat(app: FastAPI, site: Site) -> None:
    @app.post("/v1/chat/completions", tags=["drawing"], response_model=None)
    async def create_chat_completion(body: ChatBody, request: Request) -> Response:
        """Thoughts as reasoning and pictures as images of a message, whole or as a stream of pieces."""
        site.check_model(body.model)
        asked = await asyncio.to_thread(chat.asked, site.asker, body, owner_of(request))
        site.check(request, asked)
        writer = chat.ChatWriter(body, site.model, asked)
        if body.stream:
            return await site.stream(asked, writer)
        return await site.answer(request, [(asked, writer)], writer.whole)


def _add_images(app: FastAPI, site: Site) -> None:
    @app.post("/v1/images/generations", tags=["drawing"], response_model=None)
    async def generate_images(body: GenerationBody, request: Request) -> Response:
        """Pictures of a prompt."""
        return await drawn(body, [], request)

    @app.post("/v1/images/edits", tags=["drawing"], response_model=None, openapi_extra=_edit_schema())
    async def edit_images(request: Request) -> Response:
        """Pictures made of others by an instruction."""
        async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS) as form:
            body, sources = await images.read_form(form)
        return await drawn(body, sources, request)

    async def drawn(body: GenerationBody | EditBody, sources: list[bytes], request: Request) -> Response:
        site.check_model(body.model)
        asked = await asyncio.to_thread(images.asked, site.asker, body, sources, owner_of(request))
        site.check(request, asked[0], len(asked))
        writers = [images.PictureWriter(body, one) for one in asked]
        if body.stream:
            return await site.stream(asked[0], writers[0])
        works = list(zip(asked, writers, strict=True))
        return await site.answer(request, works, lambda: images.joined(writers))


_MOST_FILES, _MOST_FIELDS = 16, 100


def _edit_schema() -> dict[str, Any]:
    """What the schema tells of a form, whose fields are read here."""
    schema = EditBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    picture = {"type": "string", "format": "binary"}
    schema["properties"] |= {"image": picture, "image[]": {"type": "array", "items": picture}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


_BODIES: dict[str, type[BaseSettings]] = {
    "/v1/responses": ResponsesBody,
    "/v1/chat/completions": ChatBody,
    "/v1/images/generations": GenerationBody,
}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error)


async def _misunderstood(request: Request, error: Exception) -> Response:
    """A body that is not what the route takes, in the words of all our settings."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    model = _BODIES.get(request.url.path)
    if first["type"] == "json_invalid" or model is None or not isinstance(error.body, dict):
        why = first.get("ctx", {}).get("error", first["msg"])
        if isinstance(error.body, bytes):  # which was not read as JSON
            why = "expected the header content-type: application/json"
        words = f"the body is no JSON object: {why}"
        return refusal(invalid(words, code="invalid_body"))
    try:
        understood(model, error.body)
    except Refused as refused:
        return refusal(refused)
    raise AssertionError(f"{request.url.path} refused a body that its model takes")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = refusal(
        Refused(error.status_code, _CODES.get(error.status_code, "refused"), str(error.detail))
    )
    response.headers.update(error.headers or {})
    return response


_CODES = {400: "invalid_body", 404: "not_found", 405: "method_not_allowed"}


async def _broken(request: Request, error: Exception) -> Response:
    """Our own mistake: the log has the traceback, the answer the request's id."""
    return refusal(Refused(500, "internal_error", f"the server failed; request {request_id.get()}"))
