"""What the reference's files call our parameters. One direction is enough: a model lists its own."""

import re

_EXPERT = {
    "attention_norm": "input_layernorm{suffix}",
    "query": "self_attn.q_proj{suffix}",
    "key": "self_attn.k_proj{suffix}",
    "value": "self_attn.v_proj{suffix}",
    "query_norm": "self_attn.q_norm{suffix}",
    "key_norm": "self_attn.k_norm{suffix}",
    "output": "self_attn.o_proj{suffix}",
    "mlp_norm": "post_attention_layernorm{suffix}",
    "gate": "mlp{suffix}.gate_proj",
    "up": "mlp{suffix}.up_proj",
    "down": "mlp{suffix}.down_proj",
}
_SUFFIX = {"understanding": "", "generation": "_moe_gen"}
_VISION_LAYER = {
    "attention_norm": "layer_norm1",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.out_proj",
    "mlp_norm": "layer_norm2",
    "up": "mlp.fc1",
    "down": "mlp.fc2",
}
_SINGLE = {
    "decoder.embedding": "language_model.model.embed_tokens",
    "decoder.understanding_norm": "language_model.model.norm",
    "decoder.generation_norm": "language_model.model.norm_moe_gen",
    "decoder.head": "language_model.lm_head",
    "vision.patch_embedding": "vit_model.vision_model.embeddings.patch_embedding",
    "vision.position_embedding": "vit_model.vision_model.embeddings.position_embedding",
    "vision.final_norm": "vit_model.vision_model.post_layernorm",
    "connector.up": "connector.fc1",
    "connector.down": "connector.fc2",
    "view_positions.table": "vit_pos_embed.pos_embed",
    "latent_positions.table": "latent_pos_embed.pos_embed",
    "timestep.up": "time_embedder.mlp.0",
    "timestep.down": "time_embedder.mlp.2",
    "latent_in": "vae2llm",
    "latent_out": "llm2vae",
}
_LDM = (
    (r"^net\.", ""),
    (r"conv_norm_out", "norm_out"),
    (r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2"),
    (r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.(\d+)\.resnets\.(\d+)", r"up.\1.block.\2"),
    (r"up_blocks\.(\d+)\.upsamplers\.0", r"up.\1.upsample"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"mid_block\.attentions\.0\.to_", "mid.attn_1."),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"conv_shortcut", "nin_shortcut"),
)


def unified_name(ours: str) -> str:
    """The name of a `UnifiedModel` tensor in `ema.safetensors`."""
    if ours in _SINGLE:
        return _SINGLE[ours]
    module, _, leaf = ours.rpartition(".")
    if module in _SINGLE:
        return f"{_SINGLE[module]}.{leaf}"
    if match := re.fullmatch(r"decoder\.layers\.(\d+)\.(understanding|generation)\.(\w+)", module):
        layer, expert, part = match.groups()
        return f"language_model.model.layers.{layer}.{_EXPERT[part].format(suffix=_SUFFIX[expert])}.{leaf}"
    match = re.fullmatch(r"vision\.layers\.(\d+)\.(\w+)", module)
    assert match, ours
    return f"vit_model.vision_model.encoder.layers.{match[1]}.{_VISION_LAYER[match[2]]}.{leaf}"


def autoencoder_name(ours: str, kind: str, depth: int) -> str:
    """The name of an `Autoencoder` tensor in `ae.safetensors`: LDM's for the `kl` kind, ours for `patch`.

    LDM counts the decoder's resolutions from the finest, diffusers from the coarsest of `depth`.
    """
    if kind == "patch":
        return ours.removeprefix("net.")
    name = ours
    for pattern, replacement in _LDM:
        name = re.sub(pattern, replacement, name)
    return re.sub(r"up\.(\d+)\.", lambda match: f"up.{depth - 1 - int(match[1])}.", name)
