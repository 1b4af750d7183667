"""VQAScore: how likely CLIP-FlanT5 answers "Yes" to whether a picture shows a text.

Shape suffixes: B pictures, L labels, V vocabulary.
"""

from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image

from irg.core.digest import digest_of
from irg.model.device import usual_device, usual_dtype
from irg.scorers.clip_t5 import ClipFlanT5
from irg.scorers.pictures import CLIP_MEAN, for_clip, on_square
from irg.scorers.weights import ScorerWeights, arithmetic

USUAL_VQASCORE = "zhiqiulin/clip-flant5-xxl"
USUAL_TOKENIZER = "google/flan-t5-xxl"
"""The one for all sizes, for a checkpoint that comes without."""
BEFORE = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
    "detailed, and polite answers to the user's questions. USER: "
)
AFTER = '\nDoes this figure show "{}"? Please answer yes or no. ASSISTANT: '
ANSWER = "Yes"
_GROUND = tuple(int(255 * mean) for mean in CLIP_MEAN)
"""The colour beside pictures that are no squares."""
_MOST_TOKENS = 2048


class VqaScore:
    """A CLIP-FlanT5 with its tokenizer, which ends every part of a text, the one before the picture too."""

    def __init__(self, model: ClipFlanT5, tokenizer: Any, weights: Mapping[str, Any]) -> None:
        """`model` on its device; `weights` says whose it is."""
        self._model, self._tokenizer = model, tokenizer
        parameter = next(model.parameters())
        self._device, self._dtype = parameter.device, parameter.dtype
        self.identity = {
            **weights,
            **arithmetic(parameter.device, parameter.dtype),
            "template": digest_of(BEFORE, AFTER, ANSWER)[:16],
        }

    @classmethod
    def load(cls, name: str = USUAL_VQASCORE, device: torch.device | str | None = None) -> "VqaScore":
        """By folder or hub id, in bfloat16 on a GPU, as its authors run it. Raises ValueError if it cannot be
        had."""
        weights = ScorerWeights.find(name)
        from transformers import AutoTokenizer

        own = (weights.folder / "tokenizer.json").is_file()
        words = weights if own else ScorerWeights.find(USUAL_TOKENIZER, ("*.json", "*.model"))
        place = usual_device(device)
        model = ClipFlanT5.from_folder(weights.folder, usual_dtype(place)).to(place)
        return cls(model, AutoTokenizer.from_pretrained(words.folder), weights.identity)

    @torch.inference_mode()
    def __call__(self, picture: Image.Image, text: str) -> list[float]:
        """The log-likelihoods of "Yes" and of the end after it. The score is `score_of` them."""
        square = on_square(picture, _GROUND)
        pixels_BCHW = for_clip(square, self._model.side)[None].to(self._device, self._dtype)
        before_T, after_T, labels_L = (
            torch.tensor(self._tokenizer(part).input_ids[:_MOST_TOKENS], device=self._device)
            for part in (BEFORE, AFTER.format(text), ANSWER)
        )
        logits_BLV = self._model(pixels_BCHW, before_T, after_T, labels_L)
        return log_likelihoods(logits_BLV, labels_L[None])[0].tolist()


def log_likelihoods(logits_BLV: torch.Tensor, labels_BL: torch.Tensor) -> torch.Tensor:
    """Of each label [B, L] the logarithm of how likely it is, in float32."""
    return logits_BLV.float().log_softmax(dim=-1).gather(-1, labels_BL[..., None])[..., 0]


def score_of(logs: torch.Tensor) -> torch.Tensor:
    """The geometric mean [B] of likelihoods, of their logarithms [B, L]."""
    return logs.mean(dim=-1).exp()
