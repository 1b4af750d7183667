from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from irg.pipeline import Pipeline
from irg.pipeline.load import NamedCheckpoint
from irg.serve.app import ServeSettings, make_app
from irg.serve.callers import Callers
from irg.serve.front import guarded
from irg.serve.gate import Gate
from irg.serve.plans import NamedPlans
from irg.serve.service import Service
from tests.data.small import settings, write_checkpoint
from tests.pipeline.watching import pipeline_with
from tests.serve.servers import eventually, serving

SILENT = """plan: 1
about: draws only where a text asks for it by a mark
write_defaults: {temperature: 0, max_tokens: 6}
repeat:
- {write: T, reads: [prompt], stop_if: {lacks: [draw this now]}}
- {draw: I, reads: [prompt, T]}
max_repeats: 1
"""


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return pipeline_with(settings(32))


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> NamedCheckpoint:
    """Random weights that draw 32 pixels in two steps, after six tokens of thought."""
    folder = write_checkpoint(tmp_path_factory.mktemp("small") / "checkpoint")
    settings(32).model_copy(update={"max_prompt_tokens": 96}).save(folder)
    return NamedCheckpoint(str(folder), "cpu")


@pytest.fixture(scope="session")
def small_service(small_checkpoint: NamedCheckpoint) -> Service:
    """The engine of `small_server`, which starts and stops it."""
    return Service([small_checkpoint])


@dataclass
class Front:
    """A server with all that stands before its API."""

    address: str
    gate: Gate


@pytest.fixture(scope="session")
def front(small_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A server of that model, which is loaded and asks for no tokens, with a plan of its own."""
    folder = tmp_path_factory.mktemp("plans")
    (folder / "silent.yaml").write_text(SILENT)
    served = ServeSettings(model="small", plans=NamedPlans(folder))
    gate = guarded(make_app(small_service, served), Callers(None, is_local=True))
    with serving(gate) as address:
        eventually(lambda: small_service.is_ready, 200)
        yield Front(address, gate)


@pytest.fixture(scope="session")
def small_server(front: Front) -> str:
    """The address of that server."""
    return front.address
