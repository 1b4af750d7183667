"""The unified model: one forward for training and inference, over packed rows.

Shape suffixes: U tokens of the understanding expert, M latent tokens, D width, V values of a latent token,
N tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from irg.core import Packed
from irg.model.attention import Attend
from irg.model.compiling import check_compiler, keep_compiled
from irg.model.config import ModelConfig
from irg.model.decoder import Decoder, WantedStreams
from irg.model.embeddings import PositionTable, TimestepEmbedding
from irg.model.expert import Expert
from irg.model.hollow import hollow
from irg.model.panels import MOST_BYTES
from irg.model.rope import Rope
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

    @property
    def panel_bytes(self) -> int:
        """What the projections of all that draws take, laid out; 0 for those of a model that is too large."""
        weights = (weight for expert in self._drawing for weight in expert.parameters())
        num_bytes = sum(weight.numel() for weight in weights if weight.ndim > 1) * torch.float32.itemsize
        return num_bytes if num_bytes <= MOST_BYTES else 0

    @property
    def _drawing(self) -> list[Expert]:
        named = self.decoder.layers.named_modules()
        return [
            module for name, module in named if isinstance(module, Expert) and name.endswith(".generation")
        ]

    def forward(self, packed: Packed, attend: Attend, wanted: WantedStreams = WantedStreams.BOTH) -> Streams:
        """Run the decoder over a packed row; `attend` decides what else it sees, such as cached contexts."""
        streams = (self.embed_understanding(packed), self.embed_latents(packed))
        return Streams(*self.decoder(streams, self.ropes(packed), attend, wanted))

    def remember(self, packed: Packed, attend: Attend) -> None:
        """Run it only for what `attend` stores of it."""
        self(packed, attend, WantedStreams.NOTHING)

    def join(self) -> None:
        """Make the model ready to run without gradients: see `Expert.join`, and `irg.model.panels` for
        experts that draw. It can still be trained, saved, moved, adapted and held in few bits."""
        for expert in (module for module in self.modules() if isinstance(module, Expert)):
            expert.join()
        for expert in self._drawing:
            expert.may_lay_out = self.panel_bytes > 0

    def compile_experts(self) -> None:
        """Compile what experts do without gradients, from the next time they are run. Raises ValueError where
        there is no compiler."""
        check_compiler(self.device)
        keep_compiled()
        for expert in (module for module in self.modules() if isinstance(module, Expert)):
            expert.compiled = True

    def read_tokens(
        self, token_N: torch.Tensor, positions: Sequence[int], attend: Attend, wanted: WantedStreams
    ) -> torch.Tensor:
        """Final-normed hidden states [N, D] of bare text tokens."""
        nothing = token_N.new_empty(0, self.config.decoder.width, dtype=self.dtype)
        rope = self.decoder.rope_of(positions)
        streams, no_rope = (self.decoder.embedding(token_N), nothing), (rope[0][:0], rope[1][:0])
        return self.decoder(streams, (rope, no_rope), attend, wanted)[0]

    def ropes(self, packed: Packed) -> tuple[Rope, Rope]:
        ours, theirs = (
            self.decoder.rope(packed.position_T[index])
            for index in (packed.understanding_index_U, packed.latent_index_M)
        )
        return ours, theirs

    def logits(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        """[N, vocabulary], for just the hidden states whose next token matters."""
        return self.decoder.head(hidden_ND)

    def velocity(self, packed: Packed, attend: Attend) -> torch.Tensor:
        """Flow velocity (noise - data) [M, V] of every latent token of the row."""
        return self.latent_out(self(packed, attend).generation_MD)

    def velocity_of(
        self, streams: tuple[torch.Tensor, torch.Tensor], ropes: tuple[Rope, Rope], attend: Attend
    ) -> torch.Tensor:
        """The same of tokens that are embedded already, for who runs one row at many times."""
        return self.latent_out(self.decoder(streams, ropes, attend, WantedStreams.GENERATION)[1])

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
        place_MD = self.latent_places(packed)
        return self.latents_at(packed.latent_MC, self.timestep(packed.timestep_M), place_MD)

    def latents_at(
        self, latent_MC: torch.Tensor, time_MD: torch.Tensor, place_MD: torch.Tensor
    ) -> torch.Tensor:
        """Embedded latents; a single embedded time is that of all of them."""
        return self.latent_in(latent_MC.to(self.dtype)) + time_MD + place_MD

    def latent_places(self, packed: Packed) -> torch.Tensor:
        """The position table's rows of the row's latents."""
        return self.latent_positions(packed.latent_row_M, packed.latent_column_M).to(self.dtype)


def skeleton(config: ModelConfig) -> UnifiedModel:
    """A model without memory for its weights: their names and shapes."""
    with hollow():
        return UnifiedModel(config)
