"""The SigLIP vision tower over packed patches of images of any size, and the connector to the decoder.

Shape suffixes: P patches of all images, D tower width, H heads, K head width, B images of equal size,
L patches each.
"""

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional

from irg.model.config import VisionConfig


class VisionLayer(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.width
        self.num_heads = config.num_heads
        self.attention_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.up = nn.Linear(width, config.mlp_width)
        self.down = nn.Linear(config.mlp_width, width)

    def forward(self, hidden_PD: torch.Tensor, lengths: tuple[int, ...]) -> torch.Tensor:
        normed_PD = self.attention_norm(hidden_PD)
        query, key, value = (layer(normed_PD) for layer in (self.query, self.key, self.value))
        hidden_PD = hidden_PD + self.output(self._attend(query, key, value, lengths))
        return hidden_PD + self.down(functional.gelu(self.up(self.mlp_norm(hidden_PD)), approximate="tanh"))

    def _attend(
        self, query_PD: torch.Tensor, key_PD: torch.Tensor, value_PD: torch.Tensor, lengths: tuple[int, ...]
    ) -> torch.Tensor:
        """Attention within each image; images of one size go through together."""
        if not lengths:  # no tokens at all; the sum only keeps each projection part of the graph
            return query_PD + key_PD + value_PD
        if len(set(lengths)) > 1:
            parts = zip(*(tensor.split(lengths) for tensor in (query_PD, key_PD, value_PD)), strict=True)
            return torch.cat([self._attend(query, key, value, (len(query),)) for query, key, value in parts])
        query, key, value = (
            rearrange(tensor, "(B L) (H K) -> B H L K", B=len(lengths), H=self.num_heads)
            for tensor in (query_PD, key_PD, value_PD)
        )
        output = functional.scaled_dot_product_attention(query, key, value)
        return rearrange(output, "B H L K -> (B L) (H K)")


class VisionTower(nn.Module):
    """Patches [P, patch values] laid out (p_h, p_w, c) -> features [P, D]."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.side = config.side
        self.patch_embedding = nn.Linear(config.patch_values, config.width)
        self.position_embedding = nn.Embedding(config.side**2, config.width)
        self.layers = nn.ModuleList(VisionLayer(config) for _ in range(config.num_layers))
        self.final_norm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(
        self, patch_PD: torch.Tensor, place_P: torch.Tensor, lengths: tuple[int, ...]
    ) -> torch.Tensor:
        """`place_P` is row * side + column of a patch in its image, `lengths` the patches of each image."""
        hidden_PD = self.patch_embedding(patch_PD) + self.position_embedding(place_P)
        for layer in self.layers:
            hidden_PD = layer(hidden_PD, lengths)
        return self.final_norm(hidden_PD)


class Connector(nn.Module):
    """Two-layer MLP from the tower's width to the decoder's."""

    def __init__(self, from_width: int, to_width: int) -> None:
        super().__init__()
        self.up = nn.Linear(from_width, to_width)
        self.down = nn.Linear(to_width, to_width)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.down(functional.gelu(self.up(hidden), approximate="tanh"))
