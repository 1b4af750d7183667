"""A small student for the tests that draw."""

import shutil
from pathlib import Path

import pytest

from irg.curate.student import DrawingCheckpoint, Student
from irg.pipeline.settings import Settings
from irg.prep import Resize
from tests.golden.vectors import CHECKPOINT


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of random weights, for small pictures: it never comes to the end of a thought."""
    folder = tmp_path_factory.mktemp("model") / "checkpoint"
    shutil.copytree(CHECKPOINT, folder)
    clean, view = (Resize(max_side=64, min_side=32, stride=stride) for stride in (16, 14))
    small = Settings(width=64, height=64, max_thought_tokens=6, max_prompt_tokens=20, clean=clean, view=view)
    small.save(folder)
    return folder


@pytest.fixture(scope="module")
def student(checkpoint: Path) -> Student:
    return Student(DrawingCheckpoint(model=str(checkpoint), batch=2, num_points=3))
