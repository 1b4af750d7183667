from dataclasses import dataclass
from pathlib import Path

import pytest

from irg.train.settings import TrainRecipe
from tests.data.small import write_checkpoint
from tests.train.runs import Course, evaluation, recipe, run, write_traces


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint with random weights, where runs begin."""
    return write_checkpoint(tmp_path_factory.mktemp("beginning") / "start")


@pytest.fixture(scope="session")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store of whole traces."""
    return write_traces(tmp_path_factory.mktemp("traces") / "store")


@dataclass(frozen=True)
class Whole:
    """Twenty steps of one process, four rows each, with evaluations and pictures on the way."""

    recipe: TrainRecipe
    course: Course

    @property
    def out(self) -> Path:
        return self.recipe.out


@pytest.fixture(scope="session")
def whole(beginning: Path, traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    out = tmp_path_factory.mktemp("whole") / "run"
    chosen = recipe(beginning, traces, out, evaluation=evaluation(traces))
    return Whole(chosen, run(chosen))
