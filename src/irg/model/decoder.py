"""The mixture-of-transformers decoder: two experts per layer that share one attention.

Tokens travel as two streams, one per expert, and meet only inside attention; no token is ever scattered into
a common tensor to be read by "its" weights.

Shape suffixes: T tokens of one stream, D width, K head width, A all heads' values of a token.
"""

from collections.abc import Sequence
from enum import Flag

import torch
from torch import nn

from irg.model.attention import Attend
from irg.model.config import DecoderConfig
from irg.model.expert import Expert, RMSNorm
from irg.model.rope import Rope, rope_table, turning

_ROPE_STEP = 1024
"""Positions by which a table of rotations grows."""


class WantedStreams(Flag):
    """The streams of which something will be read: of the others, the last layer computes less."""

    NOTHING = 0
    UNDERSTANDING = 1
    GENERATION = 2
    BOTH = 3


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
