"""Sizes of a model, its presets, and how a checkpoint folder's JSON files hold them."""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from irg.core import Grid
from irg.core.files import read_json
from irg.core.values import check_number


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

    def __post_init__(self) -> None:
        _check_sizes(self, "the decoder")
        if self.width % (2 * self.num_heads) or self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"the decoder: {self.num_heads} heads, {self.num_kv_heads} with keys and values, do not "
                f"divide a width of {self.width}"
            )

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

    def __post_init__(self) -> None:
        _check_sizes(self, "the vision tower")
        if self.width % self.num_heads:
            raise ValueError(
                f"the vision tower: {self.num_heads} heads do not divide a width of {self.width}"
            )

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
        _check_sizes(self, "the autoencoder")
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

    def __post_init__(self) -> None:
        _check_sizes(self, "the model")

    @property
    def latent_values(self) -> int:
        """Values of one latent token."""
        return self.latent_patch**2 * self.autoencoder.latent_channels

    def grid_of(self, width: int, height: int) -> Grid:
        """The latent tokens of a picture of this size in pixels. Raises ValueError for one that the model
        cannot draw."""
        side, size = self.pixels_per_latent, f"picture size {width}x{height}"
        if width % side or height % side:
            raise ValueError(f"{size}: both must be multiples of {side}")
        if max(width, height) > (limit := self.latent_side * side):
            raise ValueError(f"{size}: this model draws up to {limit} pixels a side")
        return Grid(height // side, width // side)

    @property
    def pixels_per_latent(self) -> int:
        """Side of the square of pixels behind one latent token."""
        return self.latent_patch * self.autoencoder.downsample


_MOST = {
    "num_layers": 1000,
    "num_blocks": 100,
    "vocabulary": 1 << 24,
    "side": 1 << 12,
    "latent_side": 1 << 12,
}
"""Of counts; of any other size it is `_MOST_WIDE`. What is beyond is a mistake that takes gigabytes."""
_MOST_WIDE = 1 << 18
_MOST_LEVELS = 12
"""Of an autoencoder: each halves the picture."""


def _check_sizes(config: Any, whose: str) -> None:
    """Raise ValueError for numbers of a configuration that no model has."""
    for field in fields(config):
        name, value = f"{whose}: {field.name}", getattr(config, field.name)
        if field.type is int:
            check_number(name, value, 1, _MOST.get(field.name, _MOST_WIDE), whole=True)
        elif field.type is float:
            check_number(name, value, above=None if field.name == "shift" else 0)
        elif field.name == "channels":
            check_number(f"{name}: how many", len(value), 1, _MOST_LEVELS, whole=True)
            for one in value:
                check_number(name, one, 1, _MOST_WIDE, whole=True)


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


LLM_CONFIG, VIT_CONFIG, AE_PARAMS = "llm_config.json", "vit_config.json", "ae_params.json"
"""The files of a checkpoint folder; the last one only where the autoencoder is another than FLUX's."""
_DECODER_KEYS = {
    "width": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
    "mlp_width": "intermediate_size",
    "vocabulary": "vocab_size",
    "rope_theta": "rope_theta",
    "norm_eps": "rms_norm_eps",
}
"""What the decoder's file calls our sizes."""
_VISION_KEYS = {
    "width": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "mlp_width": "intermediate_size",
    "patch": "patch_size",
    "side": "image_size",
    "norm_eps": "layer_norm_eps",
}
"""What the vision tower's calls them, of which it counts one layer more than runs, and the side in pixels."""
_DEFAULTS: dict[str, Any] = {"rope_theta": 1e6, "rms_norm_eps": 1e-6, "layer_norm_eps": 1e-6}
"""What files may leave out."""
_HONOURED: dict[str, dict[str, Any]] = {
    LLM_CONFIG: {
        "hidden_act": "silu",
        "qk_norm": True,
        "use_sliding_window": False,
        "tie_word_embeddings": False,
        "attention_bias": True,
    },
    VIT_CONFIG: {"hidden_act": "gelu_pytorch_tanh", "num_channels": 3},
}
"""Settings of other models of the kind, with the one value that ours computes."""


def read_config(folder: Path) -> ModelConfig:
    """Sizes of the checkpoint in `folder`, as its two or three JSON files tell them.

    The position tables' side follows from the vision tower's image size, as in the reference. Without
    `ae_params.json` the FLUX autoencoder is meant.
    """
    llm, vit = (_read_json(folder / name) for name in (LLM_CONFIG, VIT_CONFIG))
    autoencoder = read_autoencoder_config(folder)
    try:
        _check_honoured(llm, LLM_CONFIG)
        _check_honoured(vit, VIT_CONFIG)
        llm, vit = _DEFAULTS | _with_rope_theta(llm), _DEFAULTS | vit
        decoder = {ours: llm[theirs] for ours, theirs in _DECODER_KEYS.items()}
        vision = {ours: vit[theirs] for ours, theirs in _VISION_KEYS.items()}
        for name in ("side", "num_layers", "patch"):
            check_number(f"{VIT_CONFIG}: {_VISION_KEYS[name]}", vision[name], 1, _MOST_WIDE, whole=True)
        vision |= {"num_layers": vision["num_layers"] - 1, "side": vision["side"] // vision["patch"]}
        return ModelConfig(
            DecoderConfig(**decoder),
            VisionConfig(**vision),
            autoencoder,
            llm.get("latent_patch_size", 2),
            llm.get("max_latent_size", 64),
        )
    except KeyError as missing:
        raise ValueError(f"{folder}: a configuration file lacks {missing}") from missing
    except ValueError as wrong:
        raise ValueError(f"{folder}: {wrong}") from wrong


def _check_honoured(content: dict[str, Any], name: str) -> None:
    for key, wanted in _HONOURED[name].items():
        if (value := content.get(key, wanted)) != wanted and value is not None:
            raise ValueError(f"{name}: {key} {value!r} cannot be honoured, only {wanted!r}")


def _with_rope_theta(llm: dict[str, Any]) -> dict[str, Any]:
    """Newer files say the base of the rotary embedding in `rope_parameters`, older ones beside it; what else
    either asks for, such as another scaling, is refused."""
    for name in ("rope_parameters", "rope_scaling"):
        asked = llm.get(name)
        if asked is None:
            continue
        known = {"rope_type", "type", "rope_theta"}
        if not isinstance(asked, dict) or asked.keys() - known or _rope_type(asked) != "default":
            raise ValueError(
                f"{LLM_CONFIG}: {name} {asked!r} cannot be honoured, only the default's rope_theta"
            )
        theta = asked.get("rope_theta", llm.get("rope_theta", _DEFAULTS["rope_theta"]))
        if llm.get("rope_theta", theta) != theta:
            raise ValueError(f"{LLM_CONFIG}: rope_theta is both {llm['rope_theta']!r} and {theta!r}")
        llm = {**llm, "rope_theta": theta}
    return llm


def _rope_type(asked: dict[str, Any]) -> Any:
    return asked.get("rope_type", asked.get("type", "default"))


def read_autoencoder_config(folder: Path) -> AutoencoderConfig:
    """The autoencoder of the checkpoint in `folder`: what `ae_params.json` says, or FLUX's."""
    path = folder / AE_PARAMS
    if not path.exists():
        return FLUX_AUTOENCODER
    params = _read_json(path)
    try:
        return _parse_autoencoder(params)
    except (KeyError, TypeError, ValueError) as wrong:
        raise ValueError(f"{path} does not describe an autoencoder: {wrong}") from wrong


def write_config(config: ModelConfig, folder: Path) -> None:
    """Write the three JSON files that `read_config` reads."""
    vision, autoencoder = config.vision, config.autoencoder
    vision = replace(vision, num_layers=vision.num_layers + 1, side=vision.side * vision.patch)
    files = {
        LLM_CONFIG: {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            **{theirs: getattr(config.decoder, ours) for ours, theirs in _DECODER_KEYS.items()},
            "hidden_act": "silu",
            "tie_word_embeddings": False,
            "latent_patch_size": config.latent_patch,
            "max_latent_size": config.latent_side,
        },
        VIT_CONFIG: {
            "model_type": "siglip_vision_model",
            **{theirs: getattr(vision, ours) for ours, theirs in _VISION_KEYS.items()},
        },
    }
    if autoencoder != FLUX_AUTOENCODER:
        files[AE_PARAMS] = asdict(autoencoder)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def _parse_autoencoder(params: dict[str, Any]) -> AutoencoderConfig:
    """Our own fields, or the reference's parameter names (`ch`, `ch_mult`, ...)."""
    if "kind" in params:
        fields: dict[str, Any] = {**params, "channels": tuple(params["channels"])}
        return AutoencoderConfig(**fields)
    for name, value in (("ch", params["ch"]), *(("ch_mult", multiple) for multiple in params["ch_mult"])):
        check_number(name, value, 1, _MOST_WIDE, whole=True)
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
