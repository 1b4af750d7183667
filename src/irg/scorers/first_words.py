"""How likely each first word of an answer is: Qwen3-VL, as GenEval 2 asks it.

Pictures are prepared by Pillow: the processor that comes with the model would need torchvision.

Shape suffixes: V vocabulary.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from irg.core.files import read_json
from irg.model.device import usual_device, usual_dtype
from irg.scorers.weights import ScorerWeights, arithmetic

USUAL_FIRST_WORDS = "Qwen/Qwen3-VL-8B-Instruct"
IMAGE_TOKEN = "<|image_pad|>"
_TEMPLATE_FILE = "chat_template.json"


class FirstWords:
    """A Qwen3-VL of transformers with its tokenizer and what prepares its pictures."""

    def __init__(self, model: Any, tokenizer: Any, prepare: Any, weights: Mapping[str, Any]) -> None:
        """`model` on its device; `prepare`: a Qwen2VLImageProcessorPil. `weights` says whose they are."""
        self._model, self._tokenizer, self._prepare = model.eval().requires_grad_(False), tokenizer, prepare
        parameter = next(model.parameters())
        self._device = parameter.device
        self.identity = {
            **weights,
            **arithmetic(parameter.device, parameter.dtype),
            "pixels": [prepare.size["shortest_edge"], prepare.size["longest_edge"]],
        }

    @classmethod
    def load(cls, name: str = USUAL_FIRST_WORDS, device: torch.device | str | None = None) -> "FirstWords":
        """By folder or hub id, in bfloat16 on a GPU. Raises ValueError if it cannot be had."""
        weights = ScorerWeights.find(name)
        from transformers import AutoTokenizer, Qwen3VLForConditionalGeneration
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        place = usual_device(device)
        model: Any = Qwen3VLForConditionalGeneration.from_pretrained(weights.folder, dtype=usual_dtype(place))
        tokenizer = AutoTokenizer.from_pretrained(weights.folder)
        if tokenizer.chat_template is None:
            tokenizer.chat_template = chat_template(weights.folder)
        prepare = Qwen2VLImageProcessorPil.from_pretrained(weights.folder)
        return cls(model.to(place), tokenizer, prepare, weights.identity)

    @torch.inference_mode()
    def __call__(self, picture: Image.Image, text: str) -> torch.Tensor:
        """How likely each token [V] is to begin the answer to a picture and a text, in float32 on the CPU."""
        prepared = self._prepare(images=[picture.convert("RGB")], return_tensors="pt")
        patches = int(prepared["image_grid_thw"].prod()) // self._prepare.merge_size**2
        words = self._tokenizer.apply_chat_template(
            messages(text), tokenize=False, add_generation_prompt=True
        ).replace(IMAGE_TOKEN, IMAGE_TOKEN * patches)
        ids = self._tokenizer(words, add_special_tokens=False, return_tensors="pt").input_ids
        is_image = ids == self._tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        found = self._model(
            input_ids=ids.to(self._device),
            attention_mask=torch.ones_like(ids).to(self._device),
            mm_token_type_ids=is_image.int().to(self._device),
            pixel_values=prepared["pixel_values"].to(self._device),
            image_grid_thw=prepared["image_grid_thw"].to(self._device),
            logits_to_keep=1,
        )
        return found.logits[0, -1].float().softmax(dim=-1).cpu()

    def first_tokens(self, words: Sequence[str]) -> list[int]:
        """Of each word the token that it begins with: of a blank and a digit that is a lone blank."""
        return [self._tokenizer(word, add_special_tokens=False).input_ids[0] for word in words]

    def likeliest(self, chances_V: torch.Tensor) -> str:
        """The likeliest token in letters; none of a sign that ends or begins a turn."""
        return self._tokenizer.decode([int(chances_V.argmax())], skip_special_tokens=True)


def messages(text: str) -> list[dict[str, Any]]:
    """One turn: the picture, then the text."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]


def chat_template(folder: Path) -> str:
    """The chat template where older checkpoints keep it. Raises ValueError if it is nowhere."""
    path = folder / _TEMPLATE_FILE
    if not path.is_file():
        raise ValueError(f"{folder} holds no chat template: expected one with the tokenizer, or {path.name}")
    template = read_json(path).get("chat_template")
    if not isinstance(template, str):
        raise ValueError(f"{path} holds no chat_template: expected a text")
    return template
