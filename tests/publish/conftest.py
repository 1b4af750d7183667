from pathlib import Path

import pytest

from irg.curate.emit import EmitSettings, emit
from irg.stages.runner import run
from tests.stages.ray_job import build


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small curation."""
    folder = tmp_path_factory.mktemp("curated")
    job = build(folder)
    run(job)
    emit(job.store, job.selector.marks, folder, EmitSettings(held_out=0.3), {"recipe": {"seed": 3}})
    return folder
