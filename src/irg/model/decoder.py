"""The mixture-of-transformers decoder: two experts per layer that share one attention.

Tokens travel as two streams, one per expert, and meet only inside attention; no token is ever scattered into
a common tensor to be read by "its" weights.

Shape suffixes: T tokens of one stream, D width, H heads, G key/value heads, K head width, A all heads' values
of a token.
"""

from enum import Flag

import torch
from torch import nn
from torch.nn import functional

from irg.model.attention import Attend, Projected
from irg.model.config import DecoderConfig

Rope = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines of tokens' positions, each [T, 1, K]."""


class Wanted(Flag):
    """The streams of which something will be read: of the others, the last layer computes less."""

    NOTHING = 0
    UNDERSTANDING = 1
    GENERATION = 2
    BOTH = 3


class RMSNorm(nn.Module):
    """Root-mean-square norm, computed in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        exact = hidden.float() if hidden.dtype in (torch.bfloat16, torch.float16) else hidden
        normed = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * normed.to(hidden.dtype)


class Expert(nn.Module):
    """All that one layer does to the tokens of one stream, before and after attention."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, head = config.width, config.head_width
        self.head_width = head
        self.attention_norm = RMSNorm(width, config.norm_eps)
        self.query = nn.Linear(width, config.num_heads * head)
        self.key = nn.Linear(width, config.num_kv_heads * head)
        self.value = nn.Linear(width, config.num_kv_heads * head)
        self.query_norm = RMSNorm(head, config.norm_eps)
        self.key_norm = RMSNorm(head, config.norm_eps)
        self.output = nn.Linear(config.num_heads * head, width, bias=False)
        self.mlp_norm = RMSNorm(width, config.norm_eps)
        self.gate = nn.Linear(width, config.mlp_width, bias=False)
        self.up = nn.Linear(width, config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, width, bias=False)

    def project(self, hidden_TD: torch.Tensor, rope: Rope) -> Projected:
        """Queries [T, H, K], keys and values [T, G, K], queries and keys normed and rotated."""
        normed_TD = self.attention_norm(hidden_TD)
        query_THK, key_TGK, value_TGK = (
            layer(normed_TD).unflatten(-1, (-1, self.head_width))
            for layer in (self.query, self.key, self.value)
        )
        query_THK, key_TGK = rotate(self.query_norm(query_THK), rope), rotate(self.key_norm(key_TGK), rope)
        return Projected(query_THK, key_TGK, value_TGK)

    def finish(self, hidden_TD: torch.Tensor, attended_TA: torch.Tensor) -> torch.Tensor:
        hidden_TD = hidden_TD + self.output(attended_TA)
        normed_TD = self.mlp_norm(hidden_TD)
        return hidden_TD + self.down(functional.silu(self.gate(normed_TD)) * self.up(normed_TD))


class DecoderLayer(nn.Module):
    def __init__(self, config: DecoderConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.understanding = Expert(config)
        self.generation = Expert(config)

    def forward(
        self,
        streams: tuple[torch.Tensor, torch.Tensor],
        ropes: tuple[Rope, Rope],
        attend: Attend,
        wanted: Wanted = Wanted.BOTH,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Both streams after the layer; of one that is not wanted, only what it says to the other."""
        experts = (self.understanding, self.generation)
        # In training an idle expert runs all the same, on nothing: its gradients are then zero instead of
        # absent, and sharded processes agree on what they exchange.
        projected = [
            expert.project(stream_TD, rope) if len(stream_TD) or torch.is_grad_enabled() else None
            for expert, stream_TD, rope in zip(experts, streams, ropes, strict=True)
        ]
        asking = [
            one if one is None or flag in wanted else one._replace(query_THK=None)
            for one, flag in zip(projected, (Wanted.UNDERSTANDING, Wanted.GENERATION), strict=True)
        ]
        attended = attend(self.index, *asking)
        ours_TD, theirs_TD = (
            stream_TD if attended_TA is None else expert.finish(stream_TD, attended_TA)
            for expert, stream_TD, attended_TA in zip(experts, streams, attended, strict=True)
        )
        return ours_TD, theirs_TD


class Decoder(nn.Module):
    """Token embedding, layers, final norms and language head."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(DecoderLayer(config, index) for index in range(config.num_layers))
        self.understanding_norm = RMSNorm(config.width, config.norm_eps)
        self.generation_norm = RMSNorm(config.width, config.norm_eps)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)

    def forward(
        self,
        streams: tuple[torch.Tensor, torch.Tensor],
        ropes: tuple[Rope, Rope],
        attend: Attend,
        wanted: Wanted = Wanted.BOTH,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Final-normed hidden states of the understanding and the generation stream, each [T, D]. Those of a
        stream that is not wanted are nothing to be read."""
        *layers, last = self.layers
        for layer in layers:
            streams = layer(streams, ropes, attend)
        understanding_TD, generation_TD = last(streams, ropes, attend, wanted)
        if Wanted.UNDERSTANDING in wanted:
            understanding_TD = self.understanding_norm(understanding_TD)
        if Wanted.GENERATION in wanted:
            generation_TD = self.generation_norm(generation_TD)
        return understanding_TD, generation_TD

    def rope(self, position_T: torch.Tensor) -> Rope:
        """What rotates queries and keys at these positions."""
        return rope_table(
            position_T, self.config.head_width, self.config.rope_theta, self.embedding.weight.dtype
        )


def rope_table(position_T: torch.Tensor, head_width: int, theta: float, dtype: torch.dtype) -> Rope:
    """Cosines and sines [T, 1, K] of the rotary embedding, computed in float32 or better for any `dtype`.

    In bfloat16 the angles of far positions would be off by more than a radian. Only the result is cast.
    """
    exact = torch.promote_types(dtype, torch.float32)
    exponent = torch.arange(0, head_width, 2, device=position_T.device, dtype=exact) / head_width
    angle = position_T.to(exact)[:, None] * theta**-exponent
    angle = torch.cat([angle, angle], dim=-1)[:, None, :]
    return angle.cos().to(dtype), angle.sin().to(dtype)


def rotate(values_THK: torch.Tensor, rope: Rope) -> torch.Tensor:
    """Rotate the pairs (k, k + K/2) of each head, Qwen2's layout."""
    cosine, sine = rope
    first, second = values_THK.chunk(2, dim=-1)
    return values_THK * cosine + torch.cat([-second, first], dim=-1) * sine
