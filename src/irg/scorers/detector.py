"""Objects in pictures: Mask2Former, with mmdetection's preparation and post-processing, as GenEval uses it.

Shape suffixes: B pictures, C channels, H and W pixels, Q queries, K classes, N objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from irg.model.device import usual_device
from irg.scorers.pictures import normalised
from irg.scorers.weights import ScorerWeights, arithmetic

USUAL_DETECTOR = "facebook/mask2former-swin-small-coco-instance"
"""Of the architecture that GenEval's authors use, with Mask2Former's own weights, not mmdetection's."""
_MEAN, _DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_LONG, _SHORT = 1333, 800
"""Pictures are brought to these sides at most."""
_MULTIPLE = 32
_MOST = 100
"""Objects of a picture."""


@dataclass(frozen=True, eq=False)
class FoundInstance:
    """An object: its class by number, how sure, its box (left, top, right, bottom) and its mask [H, W]."""

    label: int
    score: float
    box: tuple[float, float, float, float]
    mask: np.ndarray = field(repr=False)


class InstanceDetector:
    """A Mask2Former of transformers. Objects that are less sure than `floor` are not given."""

    def __init__(self, model: Any, weights: Mapping[str, Any], floor: float = 0.05) -> None:
        """`model`: a Mask2FormerForUniversalSegmentation, on its device. `weights` says whose it is."""
        self._model, self._floor = model.eval().requires_grad_(False), floor
        parameter = next(model.parameters())
        self._device = parameter.device
        self.identity = {**weights, **arithmetic(parameter.device, parameter.dtype), "floor": floor}

    @classmethod
    def load(cls, name: str = USUAL_DETECTOR, device: torch.device | str | None = None) -> "InstanceDetector":
        """By folder or hub id, in float32. Raises ValueError if it cannot be had."""
        weights = ScorerWeights.find(name, ("*.json", "*.safetensors"))
        from transformers import Mask2FormerForUniversalSegmentation

        model: Any = Mask2FormerForUniversalSegmentation.from_pretrained(weights.folder, dtype=torch.float32)
        return cls(model.to(usual_device(device)), weights.identity)

    @property
    def num_classes(self) -> int:
        return self._model.config.num_labels

    @torch.inference_mode()
    def __call__(self, picture: Image.Image) -> list[FoundInstance]:
        """What is in the picture, in no order."""
        pixels_CHW = prepared(picture)
        height, width = pixels_CHW.shape[1:]
        beyond = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
        padded_BCHW = functional.pad(pixels_CHW, beyond)[None].to(self._device)
        found = self._model(pixel_values=padded_BCHW)
        chance_QK = found.class_queries_logits[0].float().softmax(dim=-1)[:, :-1]
        best_N, index_N = chance_QK.flatten().topk(min(_MOST, chance_QK.numel()))
        # The mask's own score, at most 1, is yet to come: what is below the floor now stays there.
        kept_N = best_N > self._floor
        best_N, index_N = best_N[kept_N], index_N[kept_N]
        query_N = index_N // chance_QK.shape[1]
        masks_NHW = found.masks_queries_logits[0, query_N].float()
        masks_NHW = _scaled(masks_NHW, padded_BCHW.shape[2:])[:, :height, :width]
        masks_NHW = _scaled(masks_NHW, (picture.height, picture.width))
        return self._instances(best_N, index_N % chance_QK.shape[1], masks_NHW)

    def _instances(
        self, chance_N: torch.Tensor, label_N: torch.Tensor, logits_NHW: torch.Tensor
    ) -> list[FoundInstance]:
        found = []
        for chance, label, logits_HW in zip(chance_N, label_N.tolist(), logits_NHW, strict=True):
            mask_HW = logits_HW > 0
            inside = logits_HW.sigmoid()[mask_HW]
            score = chance * (inside.sum() / (mask_HW.sum() + 1e-6))
            if mask_HW.any() and score > self._floor:
                mask = mask_HW.cpu().numpy()
                found.append(FoundInstance(label, score.item(), box_of(mask), mask))
        return found


def prepared(picture: Image.Image) -> torch.Tensor:
    """Pixels [C, H, W] as large as the longest sides allow: not smoothed, rounded, normalised."""
    width, height = picture.size
    scale = min(_LONG / max(width, height), _SHORT / min(width, height))
    size = (int(height * scale + 0.5), int(width * scale + 0.5))
    array_HWC = np.asarray(picture.convert("RGB"), dtype=np.float32)
    pixels_CHW = torch.from_numpy(array_HWC.copy()).permute(2, 0, 1)
    return normalised(_scaled(pixels_CHW, size).round(), _MEAN, _DEVIATION)


def box_of(mask: np.ndarray) -> tuple[float, float, float, float]:
    """The smallest box around a mask [H, W] that is not empty; right and bottom lie past its last pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _scaled(planes: torch.Tensor, size: torch.Size | tuple[int, int]) -> torch.Tensor:
    """Planes [N, H, W] in another size, bilinear."""
    return functional.interpolate(planes[None], size=tuple(size), mode="bilinear", align_corners=False)[0]
