"""The style of pictures: CSD, and CLIP towers that were trained for it, as embeddings of length 1.

CSD is OpenAI's CLIP ViT-L/14 with a projection of its own (Somepalli et al. 2024), in the names of that
code's checkpoints; here its tower is the one of transformers. Shape suffixes: W width, D embedding.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from irg.model.device import usual_device
from irg.scorers.pictures import for_clip
from irg.scorers.weights import ScorerWeights, arithmetic

_HEAD_WIDTH = 64
"""Of every vision tower of OpenAI's."""
_NAMES = {
    "conv1.weight": "embeddings.patch_embedding.weight",
    "class_embedding": "embeddings.class_embedding",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_pre": "pre_layrnorm",
    "ln_post": "post_layernorm",
    "transformer.resblocks": "encoder.layers",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_ARRAYS: Any = np.zeros(1, np.float32).__reduce__()[0]
_PLAIN = [argparse.Namespace, np.ndarray, np.dtype, _ARRAYS, np.dtypes.Float32DType]
"""What the official files hold beside tensors; nothing else is unpickled."""


class StyleTower:
    """A vision tower, the projection [W, D] of what it pools, and how its arithmetic is told."""

    def __init__(
        self, tower: Any, projection_WD: torch.Tensor | None, side: int, weights: Mapping[str, Any]
    ) -> None:
        """Without a projection the tower has one itself."""
        self._tower, self._projection_WD, self._side = tower.eval().requires_grad_(False), projection_WD, side
        parameter = next(tower.parameters())
        self._device, self._dtype = parameter.device, parameter.dtype
        self.identity = {**weights, **arithmetic(parameter.device, parameter.dtype)}

    @classmethod
    def csd(cls, path: Path, device: torch.device | str | None = None) -> "StyleTower":
        """Of CSD's checkpoint file, in float32. Raises ValueError for what is none."""
        from transformers import CLIPVisionConfig, CLIPVisionModel

        content = read_official(path)
        weights = content.get("model_state_dict", content) if isinstance(content, dict) else {}
        plain = {name.removeprefix("module."): value for name, value in weights.items()}
        backbone = {
            name.removeprefix("backbone."): value.float()
            for name, value in plain.items()
            if name.startswith("backbone.")
        }
        if "last_layer_style" not in plain or "conv1.weight" not in backbone:
            raise ValueError(f"{path} is no checkpoint of CSD: it has no last_layer_style and backbone")
        width, _, patch, _ = backbone["conv1.weight"].shape
        patches = backbone["positional_embedding"].shape[0] - 1
        config = CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=backbone["transformer.resblocks.0.mlp.c_fc.weight"].shape[0],
            num_hidden_layers=sum(name.endswith("attn.in_proj_weight") for name in backbone),
            num_attention_heads=max(width // _HEAD_WIDTH, 1),
            image_size=round(patches**0.5) * patch,
            patch_size=patch,
            hidden_act="quick_gelu",
        )
        tower: Any = CLIPVisionModel(config)
        fill_tower(tower, backbone)
        target = usual_device(device)
        identity = ScorerWeights(str(path), path.parent).identity
        side = round(patches**0.5) * patch
        return cls(tower.to(target), plain["last_layer_style"].float().to(target), side, identity)

    @classmethod
    def clip(cls, name: str, device: torch.device | str | None = None) -> "StyleTower":
        """A CLIP vision tower with its projection by folder or hub id, in bfloat16, as OneIG's."""
        from transformers import CLIPVisionModelWithProjection

        weights = ScorerWeights.find(name, ("*.json", "*.safetensors", "*.bin"))
        tower: Any = CLIPVisionModelWithProjection.from_pretrained(weights.folder, dtype=torch.bfloat16)
        return cls(tower.to(usual_device(device)), None, tower.config.image_size, weights.identity)

    @torch.inference_mode()
    def __call__(self, picture: Image.Image) -> torch.Tensor:
        """[D]"""
        pixels = for_clip(picture, self._side)[None].to(self._device, self._dtype)
        found = self._tower(pixels)
        if self._projection_WD is None:
            return functional.normalize(found.image_embeds[0], dim=-1)
        return functional.normalize(found.pooler_output[0] @ self._projection_WD, dim=-1)


def fill_tower(tower: torch.nn.Module, backbone: Mapping[str, torch.Tensor]) -> None:
    """Fill a vision tower of transformers with weights that have OpenAI's names. Raises ValueError where one
    is missing, or fits nowhere."""
    weights: dict[str, torch.Tensor] = {}
    for name, value in backbone.items():
        for theirs, ours in _NAMES.items():
            name = re.sub(rf"(^|(?<=\.)){re.escape(theirs)}(?=\.|$)", ours, name)
        if match := re.fullmatch(r"(.+)\.attn\.in_proj_(weight|bias)", name):
            for part, third in zip("qkv", value.chunk(3), strict=True):
                weights[f"{match[1]}.self_attn.{part}_proj.{match[2]}"] = third
        else:
            weights[name] = value
    # A release of transformers may have the tower at the top, or in a part called vision_model.
    inner: Any = getattr(tower, "vision_model", tower)
    result = inner.load_state_dict(weights, strict=False)
    lacking = [name for name in result.missing_keys if not name.endswith("position_ids")]
    if lacking or result.unexpected_keys:
        raise ValueError(
            f"weights of a vision tower: lacking {lacking[:3]}, unknown {result.unexpected_keys[:3]}"
        )


def read_official(path: Path, mapped: bool = False) -> Any:
    """What a file of torch's holds; `mapped`, its tensors are read when they are used. Raises ValueError for
    what cannot be read, or would run code."""
    try:
        with torch.serialization.safe_globals(_PLAIN):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as broken:  # torch raises what its readers raise
        raise ValueError(f"{path} cannot be read: {broken}") from broken
