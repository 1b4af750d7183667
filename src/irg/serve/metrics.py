"""What a monitor is told: Prometheus metrics, each with its unit in its name.

A registry of its own for each server: two in one process do not share numbers.
"""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from irg.core.events import ThoughtDelta
from irg.serve.hosts import Listening
from irg.serve.protocol import PictureDone, Said

MEDIA_TYPE = CONTENT_TYPE_LATEST
_WAITS = (0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 20, 60, 180)
_STEPS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)


class Metrics:
    """The numbers of one server."""

    def __init__(self) -> None:
        here = CollectorRegistry()
        self.registry = here
        self.requests = Counter(
            "irg_requests", "Requests that were answered.", ("route", "status"), registry=here
        )
        self.errors = Counter("irg_errors", "What failed or was refused.", ("reason",), registry=here)
        self.seconds = Histogram(
            "irg_request_seconds", "Of whole requests.", ("route",), buckets=_WAITS, registry=here
        )
        self.first_token = Histogram(
            "irg_first_token_seconds", "Until a request's first words.", buckets=_WAITS, registry=here
        )
        self.first_picture = Histogram(
            "irg_first_picture_seconds",
            "Until a request's first whole picture.",
            buckets=_WAITS,
            registry=here,
        )
        self.step = Histogram(
            "irg_step_seconds", "Of a pass of the model over a batch.", buckets=_STEPS, registry=here
        )

    def follow(self, name: str, said: str, value: Callable[[], float]) -> None:
        """A gauge that is read when the metrics are: `irg_` before its name."""
        Gauge(f"irg_{name}", said, registry=self.registry).set_function(value)

    def page(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        return generate_latest(self.registry)


class Timed:
    """What is told of a request, as it is told; when its first words and its first picture came is noted."""

    def __init__(self, told: Listening, metrics: Metrics) -> None:
        self._told, self._began = told, time.perf_counter()
        self._awaited: dict[type, Histogram] = {
            ThoughtDelta: metrics.first_token,
            PictureDone: metrics.first_picture,
        }

    def __aiter__(self) -> "Timed":
        return self

    async def __anext__(self) -> Said:
        said = await anext(self._told)
        if (first := self._awaited.pop(type(said), None)) is not None:
            first.observe(time.perf_counter() - self._began)
        return said

    async def aclose(self) -> None:
        await self._told.aclose()
