from collections.abc import Iterator

import pytest

from irg.pipeline import Pipeline
from irg.pipeline.load import NamedCheckpoint
from tests.data.small import settings, write_checkpoint
from tests.pipeline.watching import pipeline_with
from tests.serve.servers import eventually, serving

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install irg[serve]")


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
def small_server(small_checkpoint: NamedCheckpoint) -> Iterator[str]:
    """The address of a server of that model, which is loaded."""
    from irg.serve.app import ServeSettings, make_app
    from irg.serve.service import Service

    service = Service([small_checkpoint])
    with serving(make_app(service, ServeSettings(model="small"))) as address:
        eventually(lambda: service.is_ready, 200)
        yield address
