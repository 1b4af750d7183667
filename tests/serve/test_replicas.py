import socket
from pathlib import Path

import pytest

from irg.pipeline.load import NamedCheckpoint
from irg.stages.cluster import Cluster
from tests.serve.servers import eventually
from tests.serve.test_front import ASKED, ask
from tests.stages.test_ray_pool import needs_ray

pytest.importorskip("ray.serve", reason="Ray Serve is not installed: pip install irg[ray]")

from irg.serve.app import ServeSettings
from irg.serve.front import Serving
from irg.serve.replicas import Replicas, running
from irg.serve.tokens import TokenBook, TokenLimits


@needs_ray
def test_a_replica_is_the_same_application(
    small_checkpoint: NamedCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")  # the machine may be full of others' work
    book = TokenBook(tmp_path / "tokens.json")
    token = book.add("alice", TokenLimits(pixels=32 * 32))
    serving = Serving((small_checkpoint,), tokens=book.path, settings=ServeSettings(model="small"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with running(serving, Cluster("local"), Replicas(most=2), port, drain=5.0):
        eventually(lambda: ask(f"{address}/ready")[0] == 200, 200)
        status, said = ask(f"{address}/v1/responses", ASKED, token)
        assert status == 200 and said.rstrip().split("\n")[-2] == "event: response.completed"
        assert ask(f"{address}/v1/responses", ASKED)[0] == 401
        assert ask(f"{address}/v1/responses", ASKED | {"turns": 2}, token)[0] == 400
        assert ask(address)[1].startswith("<!doctype html>")


def test_replicas_that_cannot_be_are_told() -> None:
    with pytest.raises(ValueError, match="replicas 1: expected a whole number of at least 2"):
        Replicas(least=2, most=1)
    with pytest.raises(ValueError, match="requests of a replica 0"):
        Replicas(requests=0)
