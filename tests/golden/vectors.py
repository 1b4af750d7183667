"""The reference's recorded inputs and outputs, read as the manifest describes them.

The folder is the one this file lies in, or what IRG_GOLDEN names. Nothing here or in the tests beside it
knows a size, a token id or a number of layers: those come from the manifest, the tensors and the checkpoint's
own files.
"""

import json
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

FOLDER = Path(os.environ.get("IRG_GOLDEN") or Path(__file__).parent)
CHECKPOINT = FOLDER / "ckpt"
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())

TOLERANCE = 1e-5
"""Largest difference over the largest value. Two evaluation orders of the reference are 5e-6 apart."""
EPISODE_TOLERANCE = 2e-5
"""The same for the two-turn episode, where such differences pass through two images."""


class Group:
    """One group of the manifest. `claim` hands out names of outputs and remembers that a test took them."""

    def __init__(self, name: str) -> None:
        content = MANIFEST.get(name, {})
        self.name = name
        self.file = content.get("file")
        self.scalars: dict[str, Any] = content.get("scalars", {})
        self.entries: dict[str, dict[str, Any]] = content.get("tensors", {})
        self.claimed: set[str] = set()

    @cached_property
    def tensors(self) -> dict[str, torch.Tensor]:
        return load_file(FOLDER / self.file)

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.tensors[name]

    @property
    def outputs(self) -> list[str]:
        return [name for name, entry in self.entries.items() if entry["role"] == "output"]

    def names(self, pattern: str) -> list[str]:
        """Every tensor whose whole name matches."""
        return [name for name in self.entries if re.fullmatch(pattern, name)]

    def claim(self, *patterns: str) -> list[str]:
        """Every output whose whole name matches one of the patterns; the caller checks them."""
        wanted = [name for name in self.outputs if any(re.fullmatch(pattern, name) for pattern in patterns)]
        self.claimed |= set(wanted)
        return wanted

    def says(self, name: str, pattern: str) -> re.Match[str]:
        """What the manifest tells about a tensor in words."""
        entry = self.entries[name]
        match = re.search(pattern, f"{entry['func']} | {entry['meaning']}")
        assert match, f"{self.name} {name}: {pattern} not in {entry}"
        return match

    def error(self, name: str, got: torch.Tensor | np.ndarray) -> float:
        """Largest difference over the largest value; for integers, the largest difference."""
        return difference(torch.as_tensor(got).detach(), self[name], name)


def difference(got: torch.Tensor, expected: torch.Tensor, name: str = "") -> float:
    assert got.shape == expected.shape, f"{name}: {tuple(got.shape)}, expected {tuple(expected.shape)}"
    largest = (got.double() - expected.double()).abs().max().item()
    return largest / expected.double().abs().max().item() if expected.is_floating_point() else largest


AUTOENCODER = Group("a_vae")
VISION = Group("b_vit")
TRAINING = Group("c_train")
TEXT = Group("d_text")
IMAGE = Group("e_image")
EPISODE = Group("f_irg")
MISCELLANY = Group("g_misc")
GROUPS = (AUTOENCODER, VISION, TRAINING, TEXT, IMAGE, EPISODE, MISCELLANY)
