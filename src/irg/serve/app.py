"""The server's application: its routes, and what a request goes through before and after them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from irg import __version__
from irg.core.settings import BaseSettings, checked
from irg.model.checkpoint import EMBEDDED
from irg.serve import responses
from irg.serve.asking import Asked, Asker, Fetch
from irg.serve.fields import ResponsesRequest
from irg.serve.journal import request_id
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


@dataclass(frozen=True, eq=False)
class Site:
    """What the routes work with."""

    service: Service
    settings: ServeSettings
    shelf: Shelf = field(default_factory=Shelf)
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def model(self) -> str:
        return self.settings.model or self.service.checkpoints[0].name or EMBEDDED

    @cached_property
    def asker(self) -> Asker:
        return Asker(self.service.checkpoints[0], self.settings.fetch)

    def check_model(self, name: str | None) -> None:
        """Raise Refused for the name of a model that is not here."""
        if name not in (None, "", self.model):
            words = f"there is no model {name!r} here: this server has {self.model!r}"
            raise not_found(words, "model_not_found", "model")

    async def answer(self, request: Request, asked: Asked, writer: Writer, streams: bool) -> Response:
        """The answer to what was asked, in the writer's form."""
        telling = await self.service.ask(asked.wanted)
        if streams:
            return Streamed(telling, writer, self.settings.keep_alive)
        return await answered(request, telling, writer)


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
    app = FastAPI(title="irg", version=__version__, lifespan=lifespan, description=__doc__ or "")
    app.state.site = site
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)
    _add_state(app, site)
    _add_responses(app, site)
    return app


def owner_of(request: Request) -> str:
    """Who asks: whose token it is, as the gate found; without tokens the address that it comes from."""
    caller = request.scope.get("state", {}).get("caller")
    name = caller.name if isinstance(caller, Caller) else None
    return name or (request.client.host if request.client else "")


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
    return {"id": site.model, "object": "model", "created": site.created, "owned_by": "irg"}


def _add_responses(app: FastAPI, site: Site) -> None:
    @app.post("/v1/responses", tags=["drawing"], response_model=None)
    async def create_response(body: ResponsesRequest, request: Request) -> Response:
        """Thoughts and pictures in their order, whole or as a stream of events."""
        site.check_model(body.model)
        owner = owner_of(request)
        asked = await asyncio.to_thread(responses.asked, site.asker, site.shelf, body, owner)
        writer = responses.ResponseWriter(body, site.model, asked, site.shelf, owner)
        return await site.answer(request, asked, writer, body.stream)


_BODIES: dict[str, type[BaseSettings]] = {"/v1/responses": ResponsesRequest}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error)


async def _misunderstood(request: Request, error: Exception) -> Response:
    """A body that is not what the route takes, in the words of all our settings."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    model = _BODIES.get(request.url.path)
    if first["type"] == "json_invalid" or model is None or not isinstance(error.body, dict):
        words = f"the body is no JSON object: {first.get('ctx', {}).get('error', first['msg'])}"
        return refusal(invalid(words, code="invalid_json"))
    param = ".".join(str(one) for one in first["loc"][1:])
    code = {"extra_forbidden": "unknown_parameter", "missing": "missing_required_parameter"}
    try:
        checked(model, error.body, "the request")
    except ValueError as wrong:
        return refusal(invalid(str(wrong), param, code.get(first["type"], "invalid_value")))
    raise AssertionError(f"{request.url.path} refused a body that its model takes")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = refusal(Refused(error.status_code, _CODES.get(error.status_code, "refused"), str(error.detail)))
    response.headers.update(error.headers or {})
    return response


_CODES = {404: "not_found", 405: "method_not_allowed"}


async def _broken(request: Request, error: Exception) -> Response:
    """Our own mistake: the log has the traceback, the answer the request's id."""
    return refusal(Refused(500, "internal_error", f"the server failed; request {request_id.get()}"))
