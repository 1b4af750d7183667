"""The server as many: replicas on a Ray cluster, that come and go with the requests.

Each replica is the whole application with a model of its own. What a token may ask for is counted by each
replica, and an answer that was stored is known to the replica that made it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from irg.core.values import check_number
from irg.serve import journal
from irg.serve.front import Serving
from irg.serve.gate import App
from irg.stages.cluster import Cluster


@dataclass(frozen=True)
class Replicas:
    """How many there are: so many that each has about `requests` under way."""

    least: int = 1
    most: int = 4
    requests: int = 16

    def __post_init__(self) -> None:
        check_number("replicas", self.least, 1, whole=True)
        check_number("replicas", self.most, self.least, whole=True)
        check_number("requests of a replica", self.requests, 1, whole=True)


def application(serving: Serving, replicas: Replicas, gpus: float, drain: float) -> Any:
    """The application as Ray Serve runs it, with so many GPUs for each replica."""
    from ray import serve

    def build() -> App:
        journal.write_lines()
        serving.check()  # on this machine too: its files are others, and its cache of system prompts
        return serving.app()

    capacity = serving.capacity
    deployment: Any = serve.deployment(
        serve.ingress(build)(),
        name="irg",
        ray_actor_options={"num_cpus": 1, "num_gpus": gpus},
        # The queue is the application's own: it is fair, and it refuses with a reason.
        max_ongoing_requests=capacity.most_running * capacity.workers + capacity.most_waiting,
        autoscaling_config={
            "min_replicas": replicas.least,
            "max_replicas": replicas.most,
            "target_ongoing_requests": replicas.requests,
        },
        graceful_shutdown_timeout_s=drain,
        health_check_timeout_s=60,
    )
    return deployment.bind()


@contextmanager
def running(
    serving: Serving, cluster: Cluster, replicas: Replicas, port: int, drain: float
) -> Iterator[None]:
    """Replicas that answer at the host and the port, for as long as the block lasts. Raises ValueError where
    there is no cluster, or no Ray."""
    (checkpoint,) = serving.checkpoints
    with cluster.connected() as machines:
        from ray import serve

        # Where no device is named, each replica takes the one that it finds.
        gpus = (
            min(1.0, machines.gpus)
            if checkpoint.device is None
            else float(checkpoint.torch_device.type == "cuda")
        )
        serve.start(http_options={"host": serving.host, "port": port})
        try:
            serve.run(application(serving, replicas, gpus, drain), name="irg", route_prefix="/")
            yield
        finally:
            serve.shutdown()
