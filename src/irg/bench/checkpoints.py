"""Checkpoints by name, so that several processes can each load the one whose turn it is."""

import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import torch

from irg.model.config import LLM_CONFIG
from irg.pipeline import Pipeline
from irg.pipeline.load import NamedCheckpoint


@lru_cache(maxsize=1)
def loaded(checkpoint: NamedCheckpoint) -> Pipeline:
    """Its pipeline; the one loaded last is kept, since batches of one checkpoint come together."""
    return checkpoint.load()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """A CPU computes with one thread: how many there are changes the last digits, and so, rarely, a word."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def checkpoints_in(folder: Path, offset: int = 0) -> dict[int, Path]:
    """The checkpoints in a folder by their steps, which the folders' names tell ("step-00002000-ema"), plus
    `offset`; of a training run's folder, what was exported. A checkpoint itself is of step `offset`.

    Raises ValueError if there are none, or two of one step.
    """
    if (folder / LLM_CONFIG).is_file():
        return {offset: folder}
    exported = folder / "exported"
    where = exported if exported.is_dir() else folder
    if not where.is_dir():
        raise ValueError(f"{folder} is no folder")
    found: dict[int, Path] = {}
    for path in sorted(where.iterdir()):
        number = re.search(r"\d+", path.name)
        if number is None or not (path / LLM_CONFIG).is_file():
            continue
        step = offset + int(number[0])
        if step in found:
            raise ValueError(f"{found[step]} and {path} are both of step {step}: give one of them alone")
        found[step] = path
    if not found:
        raise ValueError(
            f"{where} holds no checkpoint folder with a step in its name, as `irg export` makes them"
        )
    return found
