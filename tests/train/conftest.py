from dataclasses import dataclass
from pathlib import Path

import pytest

from irg.train.settings import TrainRecipe
from tests.beginnings import beginning as beginning
from tests.beginnings import traces as traces
from tests.train.runs import Course, evaluation, recipe, run


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
