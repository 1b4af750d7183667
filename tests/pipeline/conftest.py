import pytest

from irg.pipeline import Pipeline, episode
from tests.data.small import settings
from tests.pipeline.watching import Witness, pipeline_with


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return pipeline_with(settings(32))


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    """Stands between the pipeline and the engine, passes everything on and remembers it."""
    watching = Witness()
    monkeypatch.setattr(episode, "denoise", watching.denoise)
    monkeypatch.setattr(episode, "write", watching.write)
    return watching
