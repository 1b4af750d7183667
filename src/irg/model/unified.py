"""The unified model: one forward for training and inference, over packed rows.

Shape suffixes: U tokens of the understanding expert, M latent tokens, D width, V values of a latent token,
N tokens.
"""

from dataclasses import dataclass

import torch
from torch import nn

from irg.core import Packed
from irg.model.attention import Attend
from irg.model.config import ModelConfig
from irg.model.decoder import Decoder
from irg.model.embeddings import PositionTable, TimestepEmbedding
from irg.model.hollow import hollow
from irg.model.vision import Connector, VisionTower


@dataclass(frozen=True, eq=False)
class Streams:
    """Final-normed hidden states, in the order of `Packed.understanding_index_U` and `latent_index_M`."""

    understanding_UD: torch.Tensor
    generation_MD: torch.Tensor


class UnifiedModel(nn.Module):
    """BAGEL's architecture without its autoencoder, which is a model of its own (`Autoencoder`)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.decoder.width
        self.decoder = Decoder(config.decoder)
        self.vision = VisionTower(config.vision)
        self.connector = Connector(config.vision.width, width)
        self.view_positions = PositionTable(width, config.vision.side)
        self.latent_positions = PositionTable(width, config.latent_side)
        self.timestep = TimestepEmbedding(width)
        self.latent_in = nn.Linear(config.latent_values, width)
        self.latent_out = nn.Linear(width, config.latent_values)

    @property
    def device(self) -> torch.device:
        return self.latent_in.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.latent_in.weight.dtype

    def forward(self, packed: Packed, attend: Attend) -> Streams:
        """Run the decoder over a packed row; `attend` decides what else it sees, such as cached contexts."""
        streams = (self.embed_understanding(packed), self.embed_latents(packed))
        positions = (
            packed.position_T[packed.understanding_index_U],
            packed.position_T[packed.latent_index_M],
        )
        return Streams(*self.decoder(streams, positions, attend))

    def logits(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        """[N, vocabulary], for just the hidden states whose next token matters."""
        return self.decoder.head(hidden_ND)

    def velocity(self, packed: Packed, attend: Attend) -> torch.Tensor:
        """Flow velocity (noise - data) [M, V] of every latent token of the row."""
        return self.latent_out(self(packed, attend).generation_MD)

    def embed_understanding(self, packed: Packed) -> torch.Tensor:
        text_ND = self.decoder.embedding(packed.text_id_N)
        if packed.patch_PD is None:
            return text_ND
        row_P, column_P = packed.patch_row_P, packed.patch_column_P
        place_P = row_P * self.config.vision.side + column_P
        seen_PD = self.vision(packed.patch_PD.to(self.dtype), place_P, packed.view_lengths)
        seen_PD = self.connector(seen_PD) + self.view_positions(row_P, column_P).to(self.dtype)
        return torch.cat([text_ND, seen_PD.to(text_ND.dtype)])

    def embed_latents(self, packed: Packed) -> torch.Tensor:
        if packed.latent_MC is None:
            return self.decoder.embedding.weight.new_empty(0, self.config.decoder.width)
        latent_MD = self.latent_in(packed.latent_MC.to(self.dtype)) + self.timestep(packed.timestep_M)
        return latent_MD + self.latent_positions(packed.latent_row_M, packed.latent_column_M).to(self.dtype)


def skeleton(config: ModelConfig) -> UnifiedModel:
    """A model without memory for its weights: their names and shapes."""
    with hollow():
        return UnifiedModel(config)
