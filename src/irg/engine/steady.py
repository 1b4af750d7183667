"""Writing by steps whose tensors stay where they are, so that no device waits for the host, and a GPU can be
given each step as one graph.

They compute what `write_on` computes. On a CPU, and where steps are not compiled, they run as they are
written.

Shape suffixes: R rows, V vocabulary, S slots, D width, N steps that are taken before anybody looks.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from irg.core import SpecialTokens
from irg.engine.attend import PlacedAttend, seen_slots, token_place
from irg.engine.line import Line
from irg.engine.pool import GROWTH, Slot
from irg.engine.replay import Replayed
from irg.engine.sampling import RowSampling, checked_tokens
from irg.engine.strand import with_room
from irg.model import UnifiedModel, WantedStreams

AHEAD = 4
"""Tokens that are written before the host looks whether a text has ended."""


class Desk:
    """Writes lines on, each by up to `AHEAD` tokens, as `write_on` does by one.

    It remembers how the step was put together, while rows of the same slots come again; those that are
    missing then wait.
    """

    def __init__(self, model: UnifiedModel, special: SpecialTokens) -> None:
        self.model, self.special = model, special
        self._step: _TokenStep | None = None

    def write_on(self, lines: Sequence[Line]) -> tuple[tuple[Line, ...], torch.Tensor] | None:
        """The lines, none of which is finished, and the logits [R, V] of the last of the steps. None where
        their slots are no neighbours, so that they cannot go through as one."""
        assert not any(line.finished for line in lines)
        strands = with_room([line.strand for line in lines], [AHEAD] * len(lines))
        lines = [replace(line, strand=strand) for line, strand in zip(lines, strands, strict=True)]
        if self._step is None or not self._step.is_for(lines):
            self._step = None  # what it holds is let go first
            in_order = sorted(lines, key=lambda line: line.strand.slot.row)
            if not _are_neighbours([line.strand.slot for line in in_order]):
                return None
            self._step = _TokenStep(self.model, in_order)
        token_NR, logits_RV = self._step.run(lines)
        written = tuple(
            self._with(line, [tokens[row] for tokens in token_NR])
            for line, row in zip(lines, self._step.rows_of(lines), strict=True)
        )
        return written, logits_RV

    def _with(self, line: Line, tokens: list[int]) -> Line:
        """The line with as many of the tokens as it takes."""
        kept = tokens[: line.sampling.max_tokens - len(line.ids)]
        if ended := self.special.text_end in kept:
            kept = kept[: kept.index(self.special.text_end) + 1]
        checked_tokens(kept)
        if line.sampling.temperature != 0:
            for _ in kept:
                line.draws.uniform()
        ids = (*line.ids, *(kept[:-1] if ended else kept))
        unread = line.unread if ended else kept[-1]
        strand = line.strand.advanced(len(kept), len(kept))
        return replace(line, strand=strand, ids=ids, unread=unread, ended=ended)


class _TokenStep:
    """One token more of each of some neighbouring rows."""

    def __init__(self, model: UnifiedModel, lines: Sequence[Line]) -> None:
        self.model, device = model, model.device
        self.slots = [line.strand.slot for line in lines]
        self.samplings = [line.sampling for line in lines]
        num_rows, longest = len(lines), max(line.strand.length for line in lines)
        self.num_slots = min(-(-(longest + AHEAD) // GROWTH) * GROWTH, self.slots[0].room)
        first, slab = self.slots[0].row, self.slots[0].slab
        pairs = slab.pairs[:, :, first : first + num_rows].flatten(0, 1)
        self.token_R, self.length_R, self.position_R = (
            torch.zeros(num_rows, dtype=torch.long, device=device) for _ in range(3)
        )
        self.number_NR = torch.zeros(AHEAD, num_rows, dtype=torch.double, device=device)
        self.chosen_NR = torch.zeros(AHEAD, num_rows, dtype=torch.long, device=device)
        self.index_1 = torch.zeros(1, dtype=torch.long, device=device)
        self.mask_R11S = seen_slots(self.length_R, self.num_slots)
        self.attend = PlacedAttend([token_place(pairs, self.length_R, self.mask_R11S)])
        self.sampling = RowSampling.of(self.samplings, device)
        self.num_positions = max(line.strand.position for line in lines) + GROWTH
        self.rope = model.decoder.known_rope(self.num_positions)
        self.replayed = Replayed(self._go_on, device, as_graph=slab.pool.compiled)

    def is_for(self, lines: Sequence[Line]) -> bool:
        """Whether the lines are some of its rows, all of which have room to go on."""
        own = {id(slot): sampling for slot, sampling in zip(self.slots, self.samplings, strict=True)}
        return (
            all(own.get(id(line.strand.slot)) == line.sampling for line in lines)
            and max(line.strand.position for line in lines) + AHEAD <= self.num_positions
            and max(slot.tip for slot in self.slots) + AHEAD <= self.num_slots
        )

    def rows_of(self, lines: Sequence[Line]) -> list[int]:
        places = {id(slot): row for row, slot in enumerate(self.slots)}
        return [places[id(line.strand.slot)] for line in lines]

    def run(self, lines: Sequence[Line]) -> tuple[list[list[int]], torch.Tensor]:
        """The next `AHEAD` tokens [N, R] of every row, those that wait included, and the last logits of the
        lines [R, V]."""
        self._begin(lines)
        logits_RV = torch.empty(0)
        for _ in range(AHEAD):
            logits_RV = self.replayed()
        return self.chosen_NR.tolist(), logits_RV[self.rows_of(lines)]

    def _begin(self, lines: Sequence[Line]) -> None:
        """Rows that wait write too, behind their tips, what nobody will read."""
        rows, num_rows = self.rows_of(lines), len(self.slots)
        tokens, positions, numbers = [0] * num_rows, [0] * num_rows, [[0.0] * AHEAD] * num_rows
        for row, line in zip(rows, lines, strict=True):
            tokens[row], positions[row] = line.unread, line.strand.position
            if line.sampling.temperature != 0:
                ahead = line.draws.fork()
                numbers[row] = [ahead.uniform() for _ in range(AHEAD)]
        for slot in self.slots:
            slot.slab.used[slot.row] = max(slot.slab.used[slot.row], slot.tip + AHEAD)
        self.token_R.copy_(torch.tensor(tokens))
        self.length_R.copy_(torch.tensor([slot.tip for slot in self.slots]))
        self.position_R.copy_(torch.tensor(positions))
        self.number_NR.copy_(torch.tensor(numbers, dtype=torch.double).T)
        self.index_1.zero_()

    def _go_on(self) -> torch.Tensor:
        """A token more of every row: [R, V] logits."""
        decoder = self.model.decoder
        self.mask_R11S.copy_(seen_slots(self.length_R, self.num_slots))
        rope = (self.rope[0][self.position_R], self.rope[1][self.position_R])
        read_RD = decoder.embedding(self.token_R)
        streams, no_rope = (read_RD, read_RD[:0]), (rope[0][:0], rope[1][:0])
        hidden_RD, _ = decoder(streams, (rope, no_rope), self.attend, WantedStreams.UNDERSTANDING)
        logits_RV = self.model.logits(hidden_RD).float()
        number_R = self.number_NR.index_select(0, self.index_1)[0]
        chosen_R = self.sampling.pick(logits_RV, number_R)
        self.chosen_NR.index_copy_(0, self.index_1, chosen_R[None])
        self.token_R.copy_(chosen_R.clamp(min=0))
        for count in (self.length_R, self.position_R, self.index_1):
            count.add_(1)
        return logits_RV


def _are_neighbours(slots: Sequence[Slot]) -> bool:
    first = slots[0]
    return all(slot.slab is first.slab and slot.row == first.row + place for place, slot in enumerate(slots))
