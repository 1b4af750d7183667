"""CLIP-FlanT5, the model behind VQAScore: a CLIP vision tower and a projector in front of an encoder-decoder.

The checkpoints are those of t2v_metrics up to 3.0; later releases hold no code for them.

Shape suffixes: B pictures, C channels, H and W pixels, P patches, T tokens, L labels, D width, V vocabulary.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from irg.core.files import read_json
from irg.model.weights import CheckpointError, differences, read_header
from irg.scorers.style import read_official
from irg.scorers.weights import ScorerWeights

_PROJECTOR, _VISION, _VISION_INNER = "mm_projector.", "vision_tower.vision_tower.", "vision_model."
_SHARED, _EMBEDDING = "shared.weight", "embed_tokens.weight"
"""The one table of embeddings, and the names under which it is repeated."""
_LAYER = -2
"""Of the vision tower's layers the one whose patches are taken: the last but one."""
_START = 0
"""T5 begins what it writes with its padding token."""


class ClipFlanT5(nn.Module):
    """The three parts, in evaluation."""

    def __init__(self, language: Any, vision: Any, projector: nn.Module | None = None) -> None:
        """`language`: a T5ForConditionalGeneration, `vision`: a CLIPVisionModel."""
        super().__init__()
        self.language, self.vision = language, vision
        self.projector = projector or projector_of(language, vision)
        self.eval().requires_grad_(False)

    def forward(
        self,
        pixels_BCHW: torch.Tensor,
        before_T: torch.Tensor,
        after_T: torch.Tensor,
        labels_L: torch.Tensor,
    ) -> torch.Tensor:
        """Logits [B, L, V] of the labels, after a text with the picture between its two parts."""
        pictures = len(pixels_BCHW)
        seen = self.vision(pixel_values=pixels_BCHW, output_hidden_states=True)
        patches_BPD = self.projector(seen.hidden_states[_LAYER][:, 1:])  # without the token of the class
        embed = self.language.get_input_embeddings()
        before_BTD, after_BTD = (embed(ids)[None].expand(pictures, -1, -1) for ids in (before_T, after_T))
        given_L = torch.cat([labels_L.new_tensor([_START]), labels_L[:-1]])
        return self.language(
            inputs_embeds=torch.cat([before_BTD, patches_BPD, after_BTD], dim=1),
            decoder_input_ids=given_L[None].expand(pictures, -1),
        ).logits

    @property
    def side(self) -> int:
        """Of the square pictures that it looks at."""
        return self.vision.config.image_size

    @classmethod
    def from_folder(cls, folder: Path, dtype: torch.dtype) -> "ClipFlanT5":
        """A checkpoint of t2v_metrics, on the CPU. Where it holds no vision tower, the one that it names is
        fetched.

        Raises ValueError where tensors are missing, unexpected or of another shape.
        """
        from transformers import CLIPVisionConfig, CLIPVisionModel, T5Config, T5ForConditionalGeneration

        content = read_json(folder / "config.json")
        if not isinstance(content.get("mm_vision_tower"), str):
            raise CheckpointError(f"{folder} is no CLIP-FlanT5: its config.json names no mm_vision_tower")
        tower = ScorerWeights.find(content["mm_vision_tower"], ("*.json", "*.safetensors")).folder
        with torch.device("meta"):
            language = T5ForConditionalGeneration(T5Config.from_dict({**content, "model_type": "t5"}))
        language_state, projector_state, vision_state = _sorted_out(folder, dtype)
        if vision_state:
            vision: Any = CLIPVisionModel(CLIPVisionConfig.from_pretrained(tower))
            own = {name.removeprefix(_VISION_INNER): name for name in vision.state_dict()}
            _fill(vision, {own.get(name, name): tensor for name, tensor in vision_state.items()}, folder)
        else:
            vision = CLIPVisionModel.from_pretrained(tower, dtype=dtype)
        if (shared := language_state.get(_SHARED)) is not None:
            repeated = [name for name in language.state_dict() if name.endswith(_EMBEDDING)]
            language_state |= dict.fromkeys(repeated, shared)
        _fill(language, language_state, folder)
        projector = projector_of(language, vision)
        _fill(projector, projector_state, folder)
        return cls(language, vision, projector)


def projector_of(language: Any, vision: Any) -> nn.Module:
    inner, width = vision.config.hidden_size, language.config.d_model
    return nn.Sequential(nn.Linear(inner, width), nn.GELU(), nn.Linear(width, width))


def _sorted_out(folder: Path, dtype: torch.dtype) -> tuple[dict[str, torch.Tensor], ...]:
    """The tensors of the language model, of the projector and of the vision tower, by their names there."""
    language, projector, vision = {}, {}, {}
    for name, tensor in tensors_of(folder):
        tensor = tensor.to(dtype)
        if name.startswith(_PROJECTOR):
            projector[name.removeprefix(_PROJECTOR)] = tensor
        elif name.startswith(_VISION):
            if not name.endswith("position_ids"):  # which are no weights
                vision[name.removeprefix(_VISION).removeprefix(_VISION_INNER)] = tensor
        elif not name.endswith(_EMBEDDING):
            language[name] = tensor
    return language, projector, vision


def tensors_of(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Of safetensors, or of PyTorch's own files, of which nothing but tensors is read. Raises ValueError for
    what holds anything else."""
    if files := sorted(folder.glob("*.safetensors")):
        for path in files:
            read_header(path)
            try:
                with safe_open(path, framework="pt") as file:
                    for name in file.keys():  # noqa: SIM118 - the handle is no mapping
                        yield name, file.get_tensor(name)
            except SafetensorError as broken:
                raise CheckpointError(f"{path} is damaged: {broken}") from broken
        return
    if not (files := sorted(folder.glob("pytorch_model*.bin"))):
        raise CheckpointError(f"{folder} holds no weights: expected *.safetensors or pytorch_model*.bin")
    for path in files:
        content = read_official(path, mapped=True)
        tensors = content.values() if isinstance(content, dict) else [None]
        if not all(isinstance(one, torch.Tensor) for one in tensors):
            raise CheckpointError(f"{path} holds what are no tensors by their names")
        yield from content.items()


def _fill(module: nn.Module, state: Mapping[str, torch.Tensor], folder: Path) -> None:
    wanted = {name: one.shape for name, one in module.state_dict().items()}
    if problems := differences({name: one.shape for name, one in state.items()}, wanted):
        raise CheckpointError(f"{folder}: {len(problems)} problem(s): " + "; ".join(problems))
    module.load_state_dict(state, assign=True)
