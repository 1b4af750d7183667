"""The mixture-of-transformers decoder: two experts per layer that share one attention.

Tokens travel as two streams, one per expert, and meet only inside attention; no token is ever scattered into
a common tensor to be read by "its" weights.

Shape suffixes: T tokens of one stream, D width, F width within the MLP, H heads, G key/value heads, K head
width, J heads of queries and keys or of all three, A all heads' values of a token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Flag
from functools import cache

import torch
from torch import nn
from torch.nn import functional

from irg.model.attention import Attend, Projected
from irg.model.compiling import compiled_whole
from irg.model.config import DecoderConfig

_ROPE_STEP = 1024
"""Positions by which a table of rotations grows."""

Rope = tuple[torch.Tensor, torch.Tensor]
"""Cosines and signed sines of tokens' positions, each [T, 1, K]."""


class WantedStreams(Flag):
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
        return self.scaled(hidden, self.weight)

    def scaled(self, hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Normed, and scaled by another weight than one's own, such as one per head."""
        fuses = hidden.is_cuda or torch.compiler.is_compiling()
        if fuses and not torch.is_grad_enabled():
            return _product(functional.rms_norm(hidden, hidden.shape[-1:], None, self.eps), weight)
        exact_type = torch.promote_types(hidden.dtype, torch.float32)
        if torch.is_grad_enabled():
            exact = hidden.to(exact_type)
            normed = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)
            return weight * normed.to(hidden.dtype)
        # A length is computed in one pass, and leaves no squares behind.
        length = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True, dtype=exact_type)
        eps = _constant(self.eps, exact_type, hidden.device)
        root = torch.addcmul(eps, length, length, value=1 / hidden.shape[-1]).sqrt_()
        return _product((hidden / root).to(hidden.dtype), weight)


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
        self.joined: Joined | None = None
        self.compiled = False
        """Whether what is done without gradients is compiled (`irg.model.compiling`)."""

    def project(self, hidden_TD: torch.Tensor, rope: Rope) -> Projected:
        """Queries [T, H, K], keys and values [T, G, K], queries and keys normed and rotated."""
        if self.joined is not None and self.joined.is_current(self) and not torch.is_grad_enabled():
            return self._project_joined(self.joined, hidden_TD, rope)
        normed_TD = self.attention_norm(hidden_TD)
        query_THK, key_TGK, value_TGK = (
            layer(normed_TD).unflatten(-1, (-1, self.head_width))
            for layer in (self.query, self.key, self.value)
        )
        query_THK, key_TGK = rotate(self.query_norm(query_THK), rope), rotate(self.key_norm(key_TGK), rope)
        return Projected(query_THK, key_TGK, value_TGK)

    def finish(self, hidden_TD: torch.Tensor, attended_TA: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            hidden_TD = hidden_TD + self.output(attended_TA)
            normed_TD = self.mlp_norm(hidden_TD)
            return hidden_TD + self.down(functional.silu(self.gate(normed_TD)) * self.up(normed_TD))
        finished = compiled_whole(_finished) if self.compiled else _finished
        return finished(self, hidden_TD, attended_TA)

    def join(self) -> None:
        """Hold the weights of queries, keys and values as one tensor, of which they become views, so that
        without gradients one product does for three. Layers that are adapted or in few bits stay apart."""
        layers = [self.query, self.key, self.value]
        if all(type(layer) is nn.Linear and type(layer.weight.data) is torch.Tensor for layer in layers):
            self.joined = Joined.of(self)

    def _project_joined(self, joined: "Joined", hidden_TD: torch.Tensor, rope: Rope) -> Projected:
        if (scaled := joined.scaled_as(self)) is not joined:
            self.joined = joined = scaled
        offered = compiled_whole(_offered) if self.compiled else _offered
        return Projected(*offered(self, (joined.weight, joined.bias, joined.scale_JK), hidden_TD, rope))


def _offered(
    expert: Expert,
    joined: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    hidden_TD: torch.Tensor,
    rope: Rope,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`Expert.project` without gradients, by the tensors of `Joined`."""
    weight, bias, scale_JK = joined
    all_TA = functional.linear(expert.attention_norm(hidden_TD), weight, bias)
    all_TJK = all_TA.unflatten(-1, (-1, expert.head_width))
    asked, both = expert.query.out_features // expert.head_width, len(scale_JK)
    turned_TJK = rotate(expert.query_norm.scaled(all_TJK[:, :both], scale_JK), rope)
    return turned_TJK[:, :asked], turned_TJK[:, asked:], all_TJK[:, both:]


def _finished(expert: Expert, hidden_TD: torch.Tensor, attended_TA: torch.Tensor) -> torch.Tensor:
    """`Expert.finish` without gradients."""
    hidden_TD = _sum(expert.output(attended_TA), hidden_TD)
    normed_TD = expert.mlp_norm(hidden_TD)
    gated_TF = functional.silu(expert.gate(normed_TD), inplace=True).mul_(expert.up(normed_TD))
    return _sum(expert.down(gated_TF), hidden_TD)


@dataclass(frozen=True, eq=False)
class Joined:
    """The projections of an expert before attention, joined."""

    weight: torch.Tensor
    bias: torch.Tensor
    scale_JK: torch.Tensor
    """What the norms of queries and keys scale each of their heads by: a copy of their weights."""
    copied: tuple[tuple[int, int], ...]
    """Which weights those were (`_norms_state`)."""

    @classmethod
    def of(cls, expert: Expert) -> "Joined":
        layers = (expert.query, expert.key, expert.value)
        weight = torch.cat([layer.weight.detach() for layer in layers])
        bias = torch.cat([layer.bias.detach() for layer in layers])
        sizes = [layer.out_features for layer in layers]
        for layer, own_weight, own_bias in zip(layers, weight.split(sizes), bias.split(sizes), strict=True):
            layer.weight.data, layer.bias.data = own_weight, own_bias
        return cls(weight, bias, *cls._scales(expert))

    def scaled_as(self, expert: Expert) -> "Joined":
        """With the weights that the norms have now, which training changes in place."""
        if self.copied == _norms_state(expert):
            return self
        scale_JK, copied = self._scales(expert)
        return replace(self, scale_JK=scale_JK, copied=copied)

    @staticmethod
    def _scales(expert: Expert) -> tuple[torch.Tensor, tuple[tuple[int, int], ...]]:
        heads = [layer.out_features // expert.head_width for layer in (expert.query, expert.key)]
        norms = (expert.query_norm.weight, expert.key_norm.weight)
        scales = [norm.detach().expand(num, -1) for norm, num in zip(norms, heads, strict=True)]
        return torch.cat(scales), _norms_state(expert)

    def is_current(self, expert: Expert) -> bool:
        """Whether the expert still holds these weights: moved, cast or wrapped ones are others."""
        place = self.weight.data_ptr()
        for layer in (expert.query, expert.key, expert.value):
            if type(layer) is not nn.Linear or layer.weight.data_ptr() != place:
                return False
            place += layer.weight.nbytes
        return True


def _norms_state(expert: Expert) -> tuple[tuple[int, int], ...]:
    """Where the weights of the norms of queries and keys lie, and how often they were written to."""
    norms = (expert.query_norm.weight, expert.key_norm.weight)
    return tuple((one.data_ptr(), 0 if one.is_inference() else one._version) for one in norms)


def _sum(fresh: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """In the memory of a tensor that nobody else needs: new memory costs a CPU more than the sum. Where types
    differ, as under autocast, the result has the more exact one."""
    return fresh.add_(other) if fresh.dtype == other.dtype else fresh + other


def _product(fresh: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Likewise."""
    return fresh.mul_(other) if fresh.dtype == other.dtype else fresh * other


@cache
def _constant(value: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    with torch.inference_mode(False):
        return torch.tensor(value, dtype=dtype, device=device)


class DecoderLayer(nn.Module):
    def __init__(self, config: DecoderConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.understanding = Expert(config)
        self.generation = Expert(config)

    def forward(
        self,
        understanding_TD: torch.Tensor,
        generation_TD: torch.Tensor,
        ropes: tuple[Rope, Rope],
        attend: Attend,
        wanted: WantedStreams = WantedStreams.BOTH,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Both streams after the layer; of one that is not wanted, only what it says to the other.

        They come one by one, since activation checkpointing keeps, and counts, only tensors that it is given.
        """
        experts, streams = (self.understanding, self.generation), (understanding_TD, generation_TD)
        # In training an idle expert runs all the same, on nothing: its gradients are then zero instead of
        # absent, and sharded processes agree on what they exchange.
        projected = [
            expert.project(stream_TD, rope) if len(stream_TD) or torch.is_grad_enabled() else None
            for expert, stream_TD, rope in zip(experts, streams, ropes, strict=True)
        ]
        asking = [
            one if one is None or flag in wanted else one._replace(query_THK=None)
            for one, flag in zip(
                projected, (WantedStreams.UNDERSTANDING, WantedStreams.GENERATION), strict=True
            )
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
        self._ropes: Rope | None = None

    def forward(
        self,
        streams: tuple[torch.Tensor, torch.Tensor],
        ropes: tuple[Rope, Rope],
        attend: Attend,
        wanted: WantedStreams = WantedStreams.BOTH,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Final-normed hidden states of the understanding and the generation stream, each [T, D]. Those of a
        stream that is not wanted are nothing to be read."""
        *layers, last = self.layers
        for layer in layers:
            streams = layer(*streams, ropes, attend)
        understanding_TD, generation_TD = last(*streams, ropes, attend, wanted)
        if WantedStreams.UNDERSTANDING in wanted:
            understanding_TD = self.understanding_norm(understanding_TD)
        if WantedStreams.GENERATION in wanted:
            generation_TD = self.generation_norm(generation_TD)
        return understanding_TD, generation_TD

    def rope(self, position_T: torch.Tensor) -> Rope:
        """What rotates queries and keys at these positions."""
        config, dtype = self.config, self.embedding.weight.dtype
        return turning(rope_table(position_T, config.head_width, config.rope_theta, dtype))

    def rope_of(self, positions: Sequence[int]) -> Rope:
        """The same of positions that the host knows, as it does of single tokens: from a table that is made
        once."""
        known = self.known_rope(max(positions) + 1)
        if len(positions) == 1:
            row = slice(positions[0], positions[0] + 1)
            return known[0][row], known[1][row]
        place_T = torch.tensor(list(positions), device=known[0].device)
        return known[0][place_T], known[1][place_T]

    def known_rope(self, num: int) -> Rope:
        """That table, of at least so many positions."""
        weight, known = self.embedding.weight, self._ropes
        if known is None or (known[0].dtype, known[0].device) != (weight.dtype, weight.device):
            known = None
        if known is None or len(known[0]) < num:
            num = -(-num // _ROPE_STEP) * _ROPE_STEP
            with torch.inference_mode(False), torch.no_grad():
                known = self._ropes = self.rope(torch.arange(num, device=weight.device))
        return known


def rope_table(
    position_T: torch.Tensor, head_width: int, theta: float, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines [T, 1, K] of the rotary embedding, computed in float32 or better for any `dtype`.

    In bfloat16 the angles of far positions would be off by more than a radian. Only the result is cast.
    """
    exact = torch.promote_types(dtype, torch.float32)
    exponent = torch.arange(0, head_width, 2, device=position_T.device, dtype=exact) / head_width
    angle = position_T.to(exact)[:, None] * theta**-exponent
    angle = torch.cat([angle, angle], dim=-1)[:, None, :]
    return angle.cos().to(dtype), angle.sin().to(dtype)


def turning(table: tuple[torch.Tensor, torch.Tensor]) -> Rope:
    """What `rotate` takes: the sines of the first of each pair are negative."""
    cosine, sine = table
    first, second = sine.chunk(2, dim=-1)
    return cosine, torch.cat([-first, second], dim=-1)


def rotate(values_THK: torch.Tensor, rope: Rope) -> torch.Tensor:
    """Rotate the pairs (k, k + K/2) of each head, Qwen2's layout."""
    cosine, sine = rope
    return torch.addcmul(values_THK * cosine, values_THK.roll(values_THK.shape[-1] // 2, dims=-1), sine)
