"""OneIG's style encoders in this process: both are vision towers that transformers has.

The references of the styles are in the official repository, `scripts/style/CSD_embed.pt` and `SE_embed.pt`,
and CSD's checkpoint is where its README has one put, `scripts/style/models/checkpoint.pth`.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from irg.bench.oneig.judge import STYLE, Failed
from irg.bench.oneig.scores import nearness
from irg.core.picture import Picture

if TYPE_CHECKING:
    from irg.scorers.style import StyleTower

STYLE_ENCODER = "xingpng/OneIG-StyleEncoder"
CHECKPOINT = "models/checkpoint.pth"
_REFERENCES = {"csd": "CSD_embed.pt", "se": "SE_embed.pt"}


class StyleEncoders:
    """Both encoders and their references; loaded when they are first asked.

    Raises ValueError for a folder that lacks a file.
    """

    dimensions = frozenset({STYLE})

    def __init__(self, folder: Path, encoder: str = STYLE_ENCODER, device: str | None = None) -> None:
        lacking = [name for name in (CHECKPOINT, *_REFERENCES.values()) if not (folder / name).is_file()]
        if lacking:
            raise ValueError(f"--judge styles={folder}: it lacks {', '.join(lacking)}")
        self._folder, self._encoder, self._device = folder, encoder, device

    @property
    def identity(self) -> Mapping[str, Any]:
        return {name: tower.identity for name, tower in self._towers.items()}

    def style(self, picture: bytes, style: str) -> Mapping[str, Sequence[float]]:
        image = Picture(picture).open()
        found = {}
        for name, tower in self._towers.items():
            if style not in self._references[name]:
                raise Failed(f"style {style!r} has no references in {_REFERENCES[name]}")
            found[name] = nearness(tower(image).float().cpu().numpy(), self._references[name][style])
        return found

    def reasoning(self, picture: bytes, answer: str) -> float:
        raise Failed("style encoders read no text")

    def diversity(self, one: bytes, other: bytes) -> float:
        raise Failed("style encoders tell no distances")

    @cached_property
    def _towers(self) -> "dict[str, StyleTower]":
        from irg.scorers.style import StyleTower

        return {
            "csd": StyleTower.csd(self._folder / CHECKPOINT, self._device),
            "se": StyleTower.clip(self._encoder, self._device),
        }

    @cached_property
    def _references(self) -> dict[str, dict[str, np.ndarray]]:
        import torch

        from irg.scorers.style import read_official

        return {
            name: {
                style: torch.as_tensor(value).float().numpy()
                for style, value in read_official(self._folder / file).items()
            }
            for name, file in _REFERENCES.items()
        }
