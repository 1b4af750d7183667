"""Small models with random weights, of the very classes that scorers load, and tokenizers of a few words."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from irg.scorers.clip import Clip
from irg.scorers.detector import InstanceDetector

transformers: Any = pytest.importorskip(
    "transformers", reason="transformers is not installed: pip install irg[bench]"
)
pytest.importorskip("scipy", reason="scipy is not installed: pip install irg[bench]")

VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "patch_size": 8,
    "image_size": 32,
}


def seeded(build: Any, *arguments: Any) -> Any:
    """A model whose random weights are always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(*arguments)


def detector(sureness: float = 1.0, floor: float = 0.05) -> InstanceDetector:
    """A Mask2Former over Swin, as narrow as it goes, of 80 classes; `sureness` multiplies its class logits.

    Its queries are far apart, so that it finds different things.
    """
    config = transformers.Mask2FormerConfig(
        backbone_config=transformers.SwinConfig(
            embed_dim=16,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=32,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        num_labels=80,
        num_queries=12,
    )
    model = seeded(transformers.Mask2FormerForUniversalSegmentation, config)
    with torch.no_grad():
        model.class_predictor.weight *= sureness
        for name, weight in model.named_parameters():
            if "mask_embedder" in name or "queries" in name:
                weight *= 6
    return InstanceDetector(model, {"model": "random"}, floor)


def clip_tokenizer(words: Sequence[str]) -> Any:
    """CLIP's own tokenizer, of letters alone: `words` say which."""
    letters = sorted({letter for word in words for letter in word.lower()} | {"-"})
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    numbered = {token: number for number, token in enumerate(vocabulary)}
    return transformers.CLIPTokenizer(vocab=numbered, merges=[], model_max_length=77)


def clip(words: Sequence[str]) -> Clip:
    tokenizer = clip_tokenizer(words)
    config = transformers.CLIPConfig(
        text_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "vocab_size": len(tokenizer),
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": tokenizer.bos_token_id,
        },
        vision_config=VISION,
        projection_dim=16,
    )
    return Clip(seeded(transformers.CLIPModel, config), tokenizer, {"model": "random"})
