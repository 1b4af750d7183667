"""A model saved, for the tests of what is read and written."""

from pathlib import Path

import pytest

from irg.model import UnifiedModel
from tests.models import save_model


@pytest.fixture(scope="module")
def folder(model: UnifiedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model saved. Tests that break it copy it first."""
    folder = tmp_path_factory.mktemp("saved")
    save_model(model, folder)
    return folder


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path
