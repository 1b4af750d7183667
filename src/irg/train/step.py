"""One optimisation step's forwards and backwards, with losses that are means over the global batch.

Denominators are summed over all processes and all forwards before the first backward, so that neither the
number of processes nor that of forwards changes the gradient.
"""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from irg.core import Document, Kind, Packed, Role, Segment, SpecialTokens, pack
from irg.data.compose import Composer
from irg.data.learning import Mode
from irg.run.flops import Backward, row_flops
from irg.run.parallel import Layout, ParallelSettings, arithmetic, attention, without_sync
from irg.train.objective import Objective, Shares, shares
from irg.train.settings import LossSettings

MODES = (*Mode, "conversation")
"""What losses are told apart by."""
_FILLER = Document((Segment(Kind.TEXT, Role.PROMPT, (0,)),))
"""Stands for the documents of a process that has none left, while the others still have some."""
_TEXT, _FLOW = 0, 1


@dataclass(frozen=True, eq=False)
class Forward:
    """What one forward takes, and how its losses are to be averaged."""

    packed: Packed
    shares: Shares
    modes: tuple[int, ...]
    """Of each document, its place in MODES."""


@dataclass(frozen=True)
class Outcome:
    """What a step was, over all processes."""

    losses: dict[str, float]
    """`loss`, `text`, `flow`, and `text/MODE` and `flow/MODE` for the modes that had any."""
    documents: int
    tokens: int
    flops: float
    stop: bool
    """Whether any process was asked to stop."""


class Stepper:
    """Turns a process's rows of a step into gradients."""

    def __init__(
        self,
        objective: Objective,
        composer: Composer,
        special: SpecialTokens,
        layout: Layout,
        parallel: ParallelSettings,
        loss: LossSettings,
    ) -> None:
        self.objective, self.composer, self.special = objective, composer, special
        self.layout, self.parallel, self.loss = layout, parallel, loss
        self._gradients = Backward.of(objective.model)

    def forwards(self, rows: Seq[Seq[Document]], count: int) -> list[Forward]:
        """This process's rows in `count` forwards of as many rows each."""
        size = -(-len(rows) // count)
        groups = [rows[first : first + size] for first in range(0, len(rows), size)]
        groups += [[]] * (count - len(groups))
        return [self._forward([document for row in group for document in row]) for group in groups]

    def backward(self, forwards: Seq[Forward], stop: bool = False) -> Outcome:
        """Accumulate the gradients of the global batch's mean losses."""
        account = self._evaluate(forwards, train=True)
        return self._outcome(account, forwards, stop)

    @torch.no_grad()
    def evaluate(self, forwards: Seq[Forward]) -> Outcome:
        """The same losses without gradients."""
        return self._outcome(self._evaluate(forwards, train=False), forwards, False)

    def _forward(self, documents: list[Document]) -> Forward:
        composed = self.composer(documents)
        modes = tuple(MODES.index(document.mode) for document in documents)
        packed = pack(composed or [_FILLER], self.special).to(self.layout.device)
        return Forward(packed, shares(packed, self.loss.text, self.loss.flow), modes or (0,))

    def _evaluate(self, forwards: Seq[Forward], train: bool) -> torch.Tensor:
        """[2, 2 + 2 * modes] sums: the weighted loss and its weight, then loss and count of every mode."""
        device = self.layout.device
        weights = torch.zeros(2, dtype=torch.float64, device=device)
        for forward in forwards:
            weights[_TEXT] += forward.shares.text_weight_N.sum()
            weights[_FLOW] += forward.shares.flow_weight_M.sum()
        scale = torch.tensor([self.loss.text_weight, self.loss.flow_weight], device=device)
        scale = (scale / self.layout.total(weights).clamp(min=1e-12)).float()
        account = torch.zeros(2, 1 + 2 * len(MODES), dtype=torch.float64, device=device)
        for number, forward in enumerate(forwards, start=1):
            with without_sync(self.objective, still_accumulating=number < len(forwards)):
                with arithmetic(self.layout, self.parallel):
                    losses = self.objective(forward.packed, attention(forward.packed, device))
                text = (losses.text_N * forward.shares.text_weight_N).sum()
                flow_M = losses.flow_MV.mean(-1)
                flow = (flow_M * forward.shares.flow_weight_M).sum()
                if train:
                    # Sharding takes the mean of the processes' gradients; the sum is meant.
                    (self.layout.world * (scale[_TEXT] * text + scale[_FLOW] * flow)).backward()
            account[_TEXT, 0] += text.detach()
            account[_FLOW, 0] += flow.detach()
            mode_of = torch.tensor(forward.modes, device=device)
            _add_by_mode(account[_TEXT, 1:], losses.text_N.detach(), mode_of[forward.shares.text_document_N])
            _add_by_mode(account[_FLOW, 1:], flow_M.detach(), mode_of[forward.shares.flow_document_M])
        return torch.cat([weights[:, None], account], dim=1)

    def _outcome(self, account: torch.Tensor, forwards: Seq[Forward], stop: bool) -> Outcome:
        documents = sum(len(forward.modes) for forward in forwards)
        tokens = sum(forward.packed.num_tokens for forward in forwards)
        config = self.objective.model.config
        flops = sum(row_flops(config, forward.packed, self._gradients) for forward in forwards)
        counts = torch.tensor([documents, tokens, flops, stop], dtype=torch.float64, device=account.device)
        weights, sums = account[:, 0], account[:, 1:]
        together = self.layout.total(torch.cat([sums.flatten(), counts])).cpu()
        sums, counts = together[: sums.numel()].view(2, -1), together[sums.numel() :]
        means = (sums[:, 0] / weights.cpu().clamp(min=1e-12)).tolist()
        losses = {
            "loss": self.loss.text_weight * means[_TEXT] + self.loss.flow_weight * means[_FLOW],
            "text": means[_TEXT],
            "flow": means[_FLOW],
        }
        for which, name in ((_TEXT, "text"), (_FLOW, "flow")):
            total, count = sums[which, 1:].view(2, len(MODES))
            for index in count.nonzero()[:, 0].tolist():
                losses[f"{name}/{MODES[index]}"] = (total[index] / count[index]).item()
        return Outcome(losses, int(counts[0]), int(counts[1]), float(counts[2]), bool(counts[3]))


def _add_by_mode(account: torch.Tensor, loss_N: torch.Tensor, mode_N: torch.Tensor) -> None:
    sums, counts = account.view(2, len(MODES))
    sums.index_add_(0, mode_N, loss_N.double())
    counts.index_add_(0, mode_N, torch.ones_like(loss_N, dtype=torch.float64))
