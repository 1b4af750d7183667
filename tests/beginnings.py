"""What short runs begin with: fixtures that the conftests of several rooms take over."""

from pathlib import Path

import pytest

from tests.data.small import write_checkpoint
from tests.train.runs import write_traces


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint with random weights, where runs begin."""
    return write_checkpoint(tmp_path_factory.mktemp("beginning") / "start")


@pytest.fixture(scope="session")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store of whole traces."""
    return write_traces(tmp_path_factory.mktemp("traces") / "store")
