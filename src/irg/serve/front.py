"""What stands before the API and beside it: the gate, the page, and the numbers for a monitor."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from irg.pipeline.load import NamedCheckpoint
from irg.serve import journal, page
from irg.serve.app import ServeSettings, Site, make_app
from irg.serve.callers import Callers, is_loopback
from irg.serve.gate import Gate, RequestBounds
from irg.serve.metrics import MEDIA_TYPE
from irg.serve.plans import NamedPlans
from irg.serve.protocol import Pulse
from irg.serve.service import Capacity, Service
from irg.serve.tokens import TokenBook


@dataclass(frozen=True)
class Serving:
    """All that it takes to serve, here or on another machine."""

    checkpoints: tuple[NamedCheckpoint, ...]
    """One for each device."""
    host: str = "127.0.0.1"
    tokens: Path | None = None
    """The file of tokens; None asks for none, whoever it is."""
    capacity: Capacity = field(default_factory=Capacity)
    settings: ServeSettings = field(default_factory=ServeSettings)
    bounds: RequestBounds = field(default_factory=RequestBounds)

    def check(self) -> None:
        """Raise ValueError for plans that are none, and where others reach the server and nobody has said who
        may ask."""
        if self.settings.plans != NamedPlans():
            self.settings.plans.check(self.checkpoints[0].settings)
        if self.tokens is None or is_loopback(self.host) or TokenBook(self.tokens).is_needed:
            return
        raise ValueError(
            f"others reach {self.host}, and there are no tokens at {self.tokens}: make one with "
            "irg serve token add NAME, or let everybody ask with --without-tokens"
        )

    def app(self) -> Gate:
        """The application, which loads its models when it is started."""
        book = None if self.tokens is None else TokenBook(self.tokens)
        callers = Callers(book, is_loopback(self.host))
        return guarded(
            make_app(Service(self.checkpoints, self.capacity), self.settings), callers, self.bounds
        )

    def listening(self, port: int) -> socket.socket:
        """A socket at the host and a port; 0 takes a free one. Raises ValueError where there is none."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host, port), family=family, backlog=2048)
        except (OSError, OverflowError) as error:
            raise ValueError(f"{self.host}:{port} cannot be served at: {error}") from error

    def run(self, listening: socket.socket, drain: float) -> None:
        """Serve until the process is told to end; what is under way then has so many seconds to be done."""
        import uvicorn

        journal.write_lines()
        config = uvicorn.Config(
            self.app(),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(drain)),
        )
        uvicorn.Server(config).run([listening])


def guarded(app: FastAPI, callers: Callers, bounds: RequestBounds | None = None) -> Gate:
    """The application of `make_app` as the world sees it."""
    site: Site = app.state.site
    for path in page.PATHS:
        app.add_route(path, _asset(path), include_in_schema=False)
    app.add_route("/page.json", _facts(site), include_in_schema=False)
    app.add_route("/metrics", _numbers(site), include_in_schema=False)
    _follow(site)
    return Gate(app, callers, site.metrics, bounds or RequestBounds())


def _asset(path: str) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        found = page.asset(path)
        return Response(found.content, headers=found.headers)

    return answer


def _facts(site: Site) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        checkpoint = site.service.checkpoints[0]
        most = site.settings.limits.turns
        return JSONResponse(page.facts(site.model, checkpoint.settings, checkpoint.folder.config, most))

    return answer


def _numbers(site: Site) -> Callable[[Request], Response]:
    return lambda request: Response(site.metrics.page(), media_type=MEDIA_TYPE)


def _follow(site: Site) -> None:
    """Let the engine's state be among the metrics."""
    metrics, service = site.metrics, site.service

    def over_all(value: Callable[[Pulse], float]) -> Callable[[], float]:
        return lambda: sum(value(host.pulse) for host in service.hosts if host and host.pulse)

    metrics.follow("queue", "Requests that wait.", over_all(lambda pulse: pulse.waiting))
    metrics.follow("running", "Requests that are written and drawn.", over_all(lambda pulse: pulse.running))
    taken, there = over_all(lambda pulse: pulse.taken), over_all(lambda pulse: pulse.budget)
    metrics.follow("pool_bytes", "Of memory that requests take up.", taken)
    metrics.follow("pool_size_bytes", "Of memory that is there for requests.", there)
    metrics.follow("models_ready", "Processes with a loaded model.", lambda: service.num_ready)
    metrics.follow("models_lost", "Processes that ended without being told to.", lambda: service.num_lost)
    service.watchers.append(lambda pulse: metrics.step.observe(pulse.seconds))
