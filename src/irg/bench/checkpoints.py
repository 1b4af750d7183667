"""Checkpoints by name, so that several processes can each load the one whose turn it is."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch

from irg.model.device import usual_device, usual_dtype
from irg.pipeline import Pipeline, Settings, load_pipeline
from irg.pipeline.load import checkpoint_folder, identity

CONFIG = "llm_config.json"
"""The file that every checkpoint folder has."""


@dataclass(frozen=True)
class NamedCheckpoint:
    """A model as it is asked for: folder, hub id or None for the embedded one, where to run it, and how."""

    name: str | None = None
    device: str | None = None
    dtype: torch.dtype | None = None

    @cached_property
    def settings(self) -> Settings:
        return Settings.from_folder(checkpoint_folder(self.name))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What `Pipeline.identity` says once it is loaded."""
        return identity(
            self.name or "embedded", checkpoint_folder(self.name), self.torch_device, self.torch_dtype
        )

    @property
    def torch_device(self) -> torch.device:
        return usual_device(self.device)

    @property
    def torch_dtype(self) -> torch.dtype:
        return self.dtype or usual_dtype(self.torch_device)

    def load(self) -> Pipeline:
        """The pipeline; the one loaded last is kept, since batches of one checkpoint come together."""
        return _loaded(self.name, self.torch_device, self.torch_dtype)


@lru_cache(maxsize=1)
def _loaded(name: str | None, device: torch.device, dtype: torch.dtype) -> Pipeline:
    return load_pipeline(name, device, dtype)


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
    `offset`. Of a training run's folder it is what was exported. Raises ValueError if there are none, or two
    of one step."""
    exported = folder / "exported"
    where = exported if exported.is_dir() else folder
    if not where.is_dir():
        raise ValueError(f"{folder} is no folder")
    found: dict[int, Path] = {}
    for path in sorted(where.iterdir()):
        number = re.search(r"\d+", path.name)
        if number is None or not (path / CONFIG).is_file():
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
