"""Small models with random weights, of the very classes that scorers load, and tokenizers of a few words."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from irg.scorers.clip import Clip
from irg.scorers.detector import InstanceDetector
from irg.scorers.first_words import FirstWords

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


def word_tokenizer(texts: Sequence[str], special: Sequence[str] = (), end: str | None = None) -> Any:
    """A tokenizer of whole words and single signs; with `end` it ends every text, as T5's does."""
    import tokenizers
    from tokenizers import models, pre_tokenizers, processors

    split = pre_tokenizers.Split(tokenizers.Regex(r"\s?\w+|\W"), behavior="isolated")
    words = {word for text in texts for word, _ in split.pre_tokenize_str(text)}
    vocabulary = ["<pad>", "</s>", "<unk>", *special, *sorted(words - {*special})]
    numbered = {word: number for number, word in enumerate(vocabulary)}
    found = tokenizers.Tokenizer(models.WordLevel(numbered, unk_token="<unk>"))
    found.pre_tokenizer = split
    if end is not None:
        found.post_processor = processors.TemplateProcessing(f"$A {end}", special_tokens=[(end, 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=found, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def clip_t5_parts(vocabulary: int) -> tuple[Any, Any]:
    """The language model and the vision tower of a CLIP-FlanT5, narrow and shallow."""
    config = transformers.T5Config(
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        vocab_size=vocabulary,
        tie_word_embeddings=False,
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
    )
    language = seeded(transformers.T5ForConditionalGeneration, config)
    return language, seeded(transformers.CLIPVisionModel, transformers.CLIPVisionConfig(**VISION))


TURNS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}{% if c.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c.text }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def first_words(texts: Sequence[str]) -> FirstWords:
    """A Qwen3-VL, narrow and shallow, whose tokenizer knows the words of these texts."""
    tokenizer = word_tokenizer([*texts, "user\nassistant\n"], TURNS)
    tokenizer.add_special_tokens({"additional_special_tokens": [*TURNS]})
    tokenizer.chat_template = TEMPLATE
    number = tokenizer.convert_tokens_to_ids
    config = transformers.Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [2, 1, 1],
                "mrope_interleaved": True,
            },
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 8,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=number("<|image_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    prepare = Qwen2VLImageProcessorPil(
        size={"shortest_edge": 32 * 32, "longest_edge": 64 * 64},
        patch_size=8,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    model = seeded(transformers.Qwen3VLForConditionalGeneration, config)
    return FirstWords(model, tokenizer, prepare, {"model": "random"})
