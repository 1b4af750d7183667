"""The cluster that a run works on: joining it, and what it consists of. Ray is imported when it is joined."""

import logging
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCAL = "local"
_OBJECT_STORE_BYTES = 100 << 20
"""Of a local cluster. Names and counts are all that travels: what stages make is in files."""


@dataclass(frozen=True)
class Cluster:
    """Where a run works: the `address` of a cluster, `auto` for the one that this machine belongs to, or
    `local` for one of its own on this machine, of so many `workers`, for as long as the run lasts."""

    address: str
    workers: int = 2
    shards: int | None = None
    """Shards under way at once; None is twice as many as there are CPUs and devices."""

    def __post_init__(self) -> None:
        if not self.address:
            raise ValueError("an empty address: expected HOST:PORT of a Ray cluster, auto or local")
        for name in ("workers", "shards"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} {value}: expected at least 1")

    @contextmanager
    def connected(self) -> Iterator["Machines"]:
        """Joins the cluster; a driver that belongs to one already stays in that."""
        try:
            import ray
        except ImportError as missing:
            raise ValueError("a cluster needs Ray: pip install 'irg[curate]'") from missing
        if ray.is_initialized():
            yield Machines.found()
            return
        self._join()
        try:
            yield Machines.found()
        finally:
            ray.shutdown()

    def _join(self) -> None:
        import ray

        try:
            if self.address == LOCAL:
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
                memory = _OBJECT_STORE_BYTES
                size = {"num_cpus": self.workers, "object_store_memory": memory, "include_dashboard": False}
                ray.init(address=LOCAL, log_to_driver=False, logging_level=logging.WARNING, **size)
            else:
                ray.init(address=self.address, log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, RuntimeError) as absent:
            raise ValueError(f"no Ray cluster at {self.address!r}: {absent}") from absent


@dataclass(frozen=True)
class Machines:
    """What a cluster consists of. `driver` is the node that the driver is on."""

    nodes: tuple[str, ...]
    driver: str
    cpus: float
    gpus: float

    @classmethod
    def found(cls) -> "Machines":
        import ray

        nodes = tuple(node["NodeID"] for node in ray.nodes() if node["Alive"])
        sizes = ray.cluster_resources()
        driver = ray.get_runtime_context().get_node_id()
        return cls(nodes, driver, sizes.get("CPU", 0), sizes.get("GPU", 0))

    @property
    def default_shards(self) -> int:
        return max(4, 2 * math.ceil(self.cpus + self.gpus))

    def device_actors(self, kind: type) -> list[Any]:
        """One actor for each GPU; without any, one for each machine."""
        gpus = min(1.0, self.gpus)
        count = max(1, int(self.gpus)) if gpus else len(self.nodes)
        options: dict[str, Any] = {"num_gpus": gpus, "max_concurrency": 1, "scheduling_strategy": "SPREAD"}
        return [lasting_actor(kind, **options) for _ in range(count)]

    def check_sees(self, folder: Path) -> None:
        """Raises ValueError unless every machine sees the files of this folder."""
        import ray

        folder.mkdir(parents=True, exist_ok=True)
        probe = folder.resolve() / f".probe-{secrets.token_hex(8)}"
        look = ray.remote(num_cpus=0)(_exists)
        probe.touch()
        try:
            others = [node for node in self.nodes if node != self.driver]
            seen = ray.get([look.options(**pinned(node)).remote(str(probe)) for node in others])
        finally:
            probe.unlink()
        if blind := [node for node, found in zip(others, seen, strict=True) if not found]:
            raise ValueError(
                f"{folder} is not the same folder on {len(blind)} of {len(self.nodes)} machines: "
                "expected one on a file system that all share"
            )


def lasting_actor(kind: type, **options: Any) -> Any:
    """An actor; one that is lost is made anew, and what it was at is done again."""
    import ray

    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, **options)(kind).remote()


def cause_of(error: Any) -> Exception:
    """What was raised in a worker, of Ray's error for it."""
    cause = error.cause
    cause.add_note(f"Raised by a worker:\n{error}")
    return cause


def pinned(node: str) -> dict[str, Any]:
    """Options for what has to be on a certain machine: a task, or an actor."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def _exists(path: str) -> bool:
    return os.path.exists(path)
