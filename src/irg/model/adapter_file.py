"""Adapters alone, in peft's form: two factors for each projection, and what they are to be added to.

A folder holds `adapter_model.safetensors` and `adapter_config.json`, which names the checkpoint underneath;
its `irg.json`, if there is one, goes before that of the checkpoint. The names of the weights are the
reference's own, so that peft adds the same file to the reference's model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from irg.core.files import read_json, write_atomically
from irg.core.values import check_number
from irg.model.names import unified_name
from irg.model.weights import CheckpointError, is_finite, read_header, write_tensors

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_PREFIX = "base_model.model."
_FACTORS = ("lora_A", "lora_B")
_REFUSED = ("use_dora", "fan_in_fan_out", "rank_pattern", "alpha_pattern", "modules_to_save")
"""Of peft's settings, those that would change what is added in ways that are not known here."""


@dataclass(frozen=True)
class AdapterFolder:
    """Adapters on disk. Raises CheckpointError for what is none, or of a kind that is not known."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "AdapterFolder | None":
        """The adapters in a folder, if it is one of them."""
        return cls(path) if (path / CONFIG).is_file() else None

    @cached_property
    def settings(self) -> dict[str, Any]:
        content = read_json(self.path / CONFIG)
        if (kind := content.get("peft_type")) != "LORA":
            raise self._wrong(CONFIG, f"peft_type is {kind!r}, expected 'LORA'")
        if given := [name for name in _REFUSED if content.get(name)]:
            raise self._wrong(CONFIG, f"{given[0]} is {content[given[0]]!r}, which is not known here")
        if (bias := content.get("bias", "none")) != "none":
            raise self._wrong(CONFIG, f"bias is {bias!r}, expected 'none'")
        return content

    @property
    def base(self) -> str:
        """The checkpoint that they are added to: a folder, a hub id, or `embedded`."""
        base = self.settings.get("base_model_name_or_path")
        if not isinstance(base, str) or not base:
            raise self._wrong(CONFIG, f"base_model_name_or_path is {base!r}, expected a folder or a hub id")
        return base

    @property
    def is_its_own_base(self) -> bool:
        base = Path(self.base)
        return base.is_dir() and base.samefile(self.path)

    def config_with(self, base: str) -> str:
        """Their configuration, for another name of the checkpoint that they are added to."""
        return json.dumps({**self.settings, "base_model_name_or_path": base}, indent=1) + "\n"

    @property
    def scale(self) -> float:
        """What the product of the factors is multiplied by."""
        rank: Any = self.settings.get("r")
        alpha: Any = self.settings.get("lora_alpha")
        try:
            check_number("r", rank, 1, whole=True)
            check_number("lora_alpha", alpha)
        except ValueError as wrong:
            raise self._wrong(CONFIG, str(wrong)) from wrong
        return alpha / (rank**0.5 if self.settings.get("use_rslora") else rank)

    @cached_property
    def factors(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """The two factors, A [rank, inputs] and B [outputs, rank], by the reference's name of the weight."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        read_header(self.path / WEIGHTS)
        try:
            tensors = load_file(self.path / WEIGHTS)
        except SafetensorError as broken:
            raise self._wrong(WEIGHTS, str(broken)) from broken
        found: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            module, _, factor = name.removesuffix(".weight").removesuffix(".default").rpartition(".")
            is_one = factor in _FACTORS and module.startswith(_PREFIX) and tensor.ndim == 2
            if not is_one or not is_finite(tensor):
                raise self._wrong(WEIGHTS, f"{name} is no factor of an adapter, or not finite")
            found.setdefault(f"{module.removeprefix(_PREFIX)}.weight", {})[factor] = tensor
        if halves := [name for name, pair in found.items() if len(pair) < len(_FACTORS)]:
            raise self._wrong(WEIGHTS, f"of {halves[0]} there is but one factor")
        return {name: (pair["lora_A"], pair["lora_B"]) for name, pair in found.items()}

    def check(self, names: Mapping[str, torch.Size]) -> None:
        """Raise CheckpointError unless each adapter is of a weight among these, of its shape."""
        for name, (down, up) in self.factors.items():
            shape = torch.Size((up.shape[0], down.shape[1]))
            if names.get(name) != shape or up.shape[1] != down.shape[0]:
                there = tuple(names[name]) if name in names else "no such weight"
                raise self._wrong(WEIGHTS, f"{name} is for {tuple(shape)}, the model has {there}")

    def added(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """A weight of the checkpoint, by the reference's name, with its adapter; computed in float32."""
        if (pair := self.factors.get(name)) is None:
            return tensor
        down, up = (one.to(tensor.device, torch.float32) for one in pair)
        return (tensor.float() + self.scale * (up @ down)).to(tensor.dtype)

    def _wrong(self, file: str, problem: str) -> CheckpointError:
        return CheckpointError(f"{self.path / file}: {problem}")


def write_adapters(
    folder: Path, factors: Mapping[str, tuple[torch.Tensor, torch.Tensor]], scale: float, base: str
) -> None:
    """Write adapters, by our names of the weights, A and B each, to be added to the checkpoint `base`."""
    tensors, modules = dict[str, torch.Tensor](), list[str]()
    ranks = {down.shape[0] for down, _ in factors.values()}
    assert len(ranks) == 1, f"adapters of one rank, not of {sorted(ranks)}"
    for name, pair in factors.items():
        modules.append(unified_name(name).removesuffix(".weight"))
        for factor, tensor in zip(_FACTORS, pair, strict=True):
            tensors[f"{_PREFIX}{modules[-1]}.{factor}.weight"] = tensor.contiguous()
    (rank,) = ranks
    content = {
        "peft_type": "LORA",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": scale * rank,
        "target_modules": modules,
        "bias": "none",
        "inference_mode": True,
    }
    write_tensors(tensors, folder / WEIGHTS)
    write_atomically(folder / CONFIG, json.dumps(content, indent=1) + "\n")
