"""Sizes of a model, its presets, and how a checkpoint folder's JSON files hold them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from irg.core.files import read_json


@dataclass(frozen=True)
class DecoderConfig:
    """The mixture-of-transformers decoder: Qwen2 with q/k norm and two weight sets per layer."""

    width: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    mlp_width: int
    vocabulary: int
    rope_theta: float = 1e6
    norm_eps: float = 1e-6

    @property
    def head_width(self) -> int:
        return self.width // self.num_heads


@dataclass(frozen=True)
class VisionConfig:
    """The SigLIP tower. `num_layers` counts the layers that run."""

    width: int
    num_layers: int
    num_heads: int
    mlp_width: int
    patch: int
    side: int
    """Patches per side of the position tables; a patch's place is row * side + column."""
    norm_eps: float = 1e-6

    @property
    def patch_values(self) -> int:
        return 3 * self.patch * self.patch


@dataclass(frozen=True)
class AutoencoderConfig:
    """Either the FLUX autoencoder (`kl`: normalised, sampled) or the embedded model's (`patch`: neither).

    `channels` are the feature channels, finest resolution first. Latents are scale * (sample - shift).
    """

    kind: str
    channels: tuple[int, ...]
    num_blocks: int
    latent_channels: int
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("kl", "patch"):
            raise ValueError(f"autoencoder kind {self.kind!r}: expected 'kl' or 'patch'")
        if self.kind == "patch" and len(self.channels) != 2:
            raise ValueError(f"a patch autoencoder has two feature widths, got {self.channels}")

    @property
    def downsample(self) -> int:
        """Pixels per side of one latent cell."""
        return 8 if self.kind == "patch" else 2 ** (len(self.channels) - 1)


@dataclass(frozen=True)
class ModelConfig:
    """Everything that fixes the shapes of a model."""

    decoder: DecoderConfig
    vision: VisionConfig
    autoencoder: AutoencoderConfig
    latent_patch: int = 2
    latent_side: int = 64
    """Latent tokens per side of the position table; a token's place is row * side + column."""

    @property
    def latent_values(self) -> int:
        """Values of one latent token."""
        return self.latent_patch**2 * self.autoencoder.latent_channels

    @property
    def pixels_per_latent(self) -> int:
        """Side of the square of pixels behind one latent token."""
        return self.latent_patch * self.autoencoder.downsample


FLUX_AUTOENCODER = AutoencoderConfig("kl", (128, 256, 512, 512), 2, 16, scale=0.3611, shift=0.1159)


def bagel_7b() -> ModelConfig:
    """BAGEL-7B-MoT: Qwen2.5-7B twice, SigLIP so400m (its last layer unused), FLUX autoencoder."""
    return ModelConfig(
        DecoderConfig(3584, 28, 28, 4, 18944, 152064),
        VisionConfig(1152, 26, 16, 4304, patch=14, side=70),
        FLUX_AUTOENCODER,
    )


def embedded(vocabulary: int) -> ModelConfig:
    """The shipped small model: 128-pixel pictures as 64 latent tokens and 64 patches."""
    return ModelConfig(
        DecoderConfig(192, 6, 3, 3, 512, vocabulary),
        VisionConfig(192, 4, 6, 384, patch=16, side=8),
        AutoencoderConfig("patch", (64, 128), 2, 8),
        latent_side=8,
    )


def tiny(vocabulary: int = 304) -> ModelConfig:
    """The configuration of the tests: every part present, every size small."""
    return ModelConfig(
        DecoderConfig(64, 3, 4, 2, 160, vocabulary),
        VisionConfig(48, 2, 4, 96, patch=14, side=70),
        AutoencoderConfig("kl", (32, 32, 32, 64), 1, 16, scale=0.3611, shift=0.1159),
    )


LLM_CONFIG = "llm_config.json"
"""The file that every checkpoint folder has."""


def read_config(folder: Path) -> ModelConfig:
    """Sizes of the checkpoint in `folder`, as its two or three JSON files tell them.

    The vision tower's file counts one layer more than runs, and the position tables' side follows from its
    image size, as in the reference. Without `ae_params.json` the FLUX autoencoder is meant.
    """
    llm, vit = _read_json(folder / LLM_CONFIG), _read_json(folder / "vit_config.json")
    try:
        return ModelConfig(
            DecoderConfig(
                width=llm["hidden_size"],
                num_layers=llm["num_hidden_layers"],
                num_heads=llm["num_attention_heads"],
                num_kv_heads=llm["num_key_value_heads"],
                mlp_width=llm["intermediate_size"],
                vocabulary=llm["vocab_size"],
                rope_theta=float(llm.get("rope_theta", 1e6)),
                norm_eps=float(llm.get("rms_norm_eps", 1e-6)),
            ),
            VisionConfig(
                width=vit["hidden_size"],
                num_layers=vit["num_hidden_layers"] - 1,
                num_heads=vit["num_attention_heads"],
                mlp_width=vit["intermediate_size"],
                patch=vit["patch_size"],
                side=vit["image_size"] // vit["patch_size"],
                norm_eps=float(vit.get("layer_norm_eps", 1e-6)),
            ),
            read_autoencoder_config(folder),
            latent_patch=llm.get("latent_patch_size", 2),
            latent_side=llm.get("max_latent_size", 64),
        )
    except KeyError as missing:
        raise ValueError(f"{folder}: a configuration file lacks {missing}") from missing


def read_autoencoder_config(folder: Path) -> AutoencoderConfig:
    """The autoencoder of the checkpoint in `folder`: what `ae_params.json` says, or FLUX's."""
    path = folder / "ae_params.json"
    if not path.exists():
        return FLUX_AUTOENCODER
    params = _read_json(path)
    try:
        return _parse_autoencoder(params)
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"{path} does not describe an autoencoder: {wrong}") from wrong


def write_config(config: ModelConfig, folder: Path) -> None:
    """Write the three JSON files that `read_config` reads."""
    decoder, vision, autoencoder = config.decoder, config.vision, config.autoencoder
    files = {
        LLM_CONFIG: {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "hidden_size": decoder.width,
            "num_hidden_layers": decoder.num_layers,
            "num_attention_heads": decoder.num_heads,
            "num_key_value_heads": decoder.num_kv_heads,
            "intermediate_size": decoder.mlp_width,
            "vocab_size": decoder.vocabulary,
            "rope_theta": decoder.rope_theta,
            "rms_norm_eps": decoder.norm_eps,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
            "latent_patch_size": config.latent_patch,
            "max_latent_size": config.latent_side,
        },
        "vit_config.json": {
            "model_type": "siglip_vision_model",
            "hidden_size": vision.width,
            "num_hidden_layers": vision.num_layers + 1,
            "num_attention_heads": vision.num_heads,
            "intermediate_size": vision.mlp_width,
            "patch_size": vision.patch,
            "image_size": vision.side * vision.patch,
            "layer_norm_eps": vision.norm_eps,
        },
    }
    if autoencoder != FLUX_AUTOENCODER:
        files["ae_params.json"] = asdict(autoencoder)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def _parse_autoencoder(params: dict[str, Any]) -> AutoencoderConfig:
    """Our own fields, or the reference's parameter names (`ch`, `ch_mult`, ...)."""
    if "kind" in params:
        fields: dict[str, Any] = {**params, "channels": tuple(params["channels"])}
        return AutoencoderConfig(**fields)
    return AutoencoderConfig(
        kind="kl",
        channels=tuple(params["ch"] * multiple for multiple in params["ch_mult"]),
        num_blocks=params["num_res_blocks"],
        latent_channels=params["z_channels"],
        scale=params["scale_factor"],
        shift=params["shift_factor"],
    )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise ValueError(f"{path.parent} is not a checkpoint folder: {path.name} is missing")
    return read_json(path)
