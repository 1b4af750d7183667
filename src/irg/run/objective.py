"""What IRGL minimises: cross-entropy of texts and velocity error of images, of stored documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from irg.core import Document, Kind, Packed, Role, Segment, SpecialTokens, pack
from irg.data.compose import Composer
from irg.data.learning import Mode
from irg.model.parts import is_hidden
from irg.run.assemble import RunParts
from irg.run.flops import Backward, row_flops
from irg.run.losses import Losses, LossShares, ModelLosses, shares
from irg.run.model_recipe import LossSettings, ModelRecipe
from irg.run.parallel import Layout, ParallelSettings, Precision, arithmetic, attention
from irg.run.step import Sums

MODES = (*Mode, "conversation")
"""What losses are told apart by."""
_FILLER = Document((Segment(Kind.TEXT, Role.PROMPT, (0,)),))
"""Stands for the documents of a process that has none left, while the others still have some."""


@dataclass(frozen=True, eq=False)
class PackedForward:
    """A row, and how its losses are to be averaged."""

    packed: Packed
    shares: LossShares
    modes: tuple[int, ...]
    """Of each document, its place in MODES."""
    flops: float

    @property
    def weight_K(self) -> torch.Tensor:
        return torch.stack([self.shares.text_weight_N.sum(), self.shares.flow_weight_M.sum()])

    @property
    def documents(self) -> int:
        return len(self.modes)

    @property
    def tokens(self) -> int:
        return self.packed.num_tokens


@dataclass(frozen=True, eq=False)
class UnifiedObjective:
    """The losses of a process's rows of prepared documents, in `accumulate` forwards."""

    network: ModelLosses
    composer: Composer
    special: SpecialTokens
    layout: Layout
    parallel: ParallelSettings
    loss: LossSettings
    accumulate: int = 1

    @property
    def model(self) -> nn.Module:
        return self.network.model

    @property
    def terms(self) -> dict[str, float]:
        return {"text": self.loss.text_weight, "flow": self.loss.flow_weight}

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f"{term}/{mode}" for term in self.terms for mode in MODES)

    def is_hidden(self, name: str) -> bool:
        return is_hidden(name)

    def forwards(self, rows: Sequence[Sequence[Document]]) -> list[PackedForward]:
        """This process's rows, as many in each forward."""
        size = -(-len(rows) // self.accumulate)
        groups = [rows[first : first + size] for first in range(0, len(rows), size)]
        groups += [[]] * (self.accumulate - len(groups))
        return [self._forward([document for row in group for document in row]) for group in groups]

    def losses(self, packed: Packed) -> Losses:
        """Unreduced: of every labelled token, and of every value of every supervised latent token."""
        with arithmetic(self.layout, self.parallel):
            return self.network(packed, attention(packed, self.layout.device))

    def __call__(self, forward: PackedForward) -> Sums:
        losses, weighed = self.losses(forward.packed), forward.shares
        flow_M = losses.flow_MV.mean(-1)
        terms = [(losses.text_N * weighed.text_weight_N).sum(), (flow_M * weighed.flow_weight_M).sum()]
        mode_of = torch.tensor(forward.modes, device=self.layout.device)
        by_mode = [
            _by_mode(losses.text_N.detach(), mode_of[weighed.text_document_N]),
            _by_mode(flow_M.detach(), mode_of[weighed.flow_document_M]),
        ]
        part_P, count_P = (torch.cat(both) for both in zip(*by_mode, strict=True))
        return Sums(torch.stack(terms), part_P, count_P)

    def _forward(self, documents: list[Document]) -> PackedForward:
        composed = self.composer(documents)
        modes = tuple(MODES.index(document.mode) for document in documents)
        row = pack(composed or [_FILLER], self.special)
        flops = row_flops(self.network.model.config, row, self._gradients)
        packed = row.to(self.layout.device)
        return PackedForward(packed, shares(packed, self.loss.text, self.loss.flow), modes or (0,), flops)

    @cached_property
    def _gradients(self) -> Backward:
        return Backward.of(self.model)


def objective_of(
    recipe: ModelRecipe, parts: RunParts, network: ModelLosses, layout: Layout
) -> UnifiedObjective:
    """The losses of a recipe's stored documents, by a network that was built of it."""
    precise = recipe.parallel.precision is Precision.FLOAT32
    autoencoder = parts.autoencoder(layout.device, torch.float32 if precise else torch.bfloat16)
    composer = Composer(parts.config, autoencoder, recipe.noising, recipe.dropout, recipe.remember)
    special, accumulate = parts.tokenizer.special, recipe.batch.accumulate
    return UnifiedObjective(network, composer, special, layout, recipe.parallel, recipe.loss, accumulate)


def _by_mode(loss_N: torch.Tensor, mode_N: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of each mode's losses, and how many they are."""
    sums, counts = torch.zeros(2, len(MODES), dtype=torch.float64, device=loss_N.device)
    sums.index_add_(0, mode_N, loss_N.double())
    counts.index_add_(0, mode_N, torch.ones_like(loss_N, dtype=torch.float64))
    return sums, counts
