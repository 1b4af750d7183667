"""CLIP: how near pictures are to texts, and which of some labels is nearest.

Shape suffixes: N pictures, L labels, T templates, D width of an embedding.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch.nn import functional

from irg.model.device import usual_device
from irg.scorers.pictures import for_clip
from irg.scorers.weights import ScorerWeights, arithmetic

USUAL_CLIP = "openai/clip-vit-large-patch14"
_TOGETHER = 16
"""Pictures that are embedded at once."""


class Clip:
    """A CLIPModel of transformers with its tokenizer. Embeddings are of length 1, in float32."""

    def __init__(self, model: Any, tokenizer: Any, weights: Mapping[str, Any]) -> None:
        """`model` on its device; `weights` says whose they are."""
        self._model, self._tokenizer = model.eval().requires_grad_(False), tokenizer
        parameter = next(model.parameters())
        self._device = parameter.device
        self.identity = {**weights, **arithmetic(parameter.device, parameter.dtype)}
        if self._is_mixed:
            self.identity["autocast"] = "float16"

    @classmethod
    def load(cls, name: str = USUAL_CLIP, device: torch.device | str | None = None) -> "Clip":
        """By folder or hub id. Raises ValueError if it cannot be had."""
        weights = ScorerWeights.find(name, ("*.json", "*.txt", "*.safetensors"))
        from transformers import AutoTokenizer, CLIPModel

        model: Any = CLIPModel.from_pretrained(weights.folder, dtype=torch.float32)
        return cls(
            model.to(usual_device(device)), AutoTokenizer.from_pretrained(weights.folder), weights.identity
        )

    @property
    def _is_mixed(self) -> bool:
        """On a GPU products are in float16, as GenEval's authors compute."""
        return self._device.type == "cuda"

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """[N, D]"""
        read = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        on_device = {name: ids.to(self._device) for name, ids in read.items()}
        with torch.autocast(self._device.type, torch.float16, self._is_mixed):
            return _unit(self._model.get_text_features(**on_device))

    @torch.inference_mode()
    def pictures(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        """[N, D]"""
        side = self._model.config.vision_config.image_size
        batches = [pictures[start : start + _TOGETHER] for start in range(0, len(pictures), _TOGETHER)]
        found = []
        for batch in batches:
            pixels = torch.stack([for_clip(picture, side) for picture in batch]).to(self._device)
            with torch.autocast(self._device.type, torch.float16, self._is_mixed):
                found.append(_unit(self._model.get_image_features(pixels)))
        return torch.cat(found)

    def labels(self, texts_of: Sequence[Sequence[str]]) -> torch.Tensor:
        """For each label the mean [L, D] of the embeddings of its texts, brought to length 1 again."""
        means = [self.texts(texts).mean(dim=0) for texts in texts_of]
        return functional.normalize(torch.stack(means), dim=-1)


def _unit(found: Any) -> torch.Tensor:
    return functional.normalize(getattr(found, "pooler_output", found).float(), dim=-1)
