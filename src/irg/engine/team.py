"""Drawing the same pictures on several processes, each of which has the whole model.

All of them read and write the same, and begin from the same noise. What differs is which latents of a pass
each of them runs: those of some rows, which are images and their guidance branches, or a part of every row,
whose keys and values they then give one another in each layer. The velocities come together after the pass,
so that every process takes the same step.

Shape suffixes: M latent tokens of all rows, V values of a token, G key/value heads, K head width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch.nn import functional

from irg.engine.attend import Lane, Parts, StrandAttend
from irg.engine.strand import Strand
from irg.model import Projected

Span = tuple[int, int]
"""Of a row's latents the first that is meant, and the one after the last."""


class Parallel(StrEnum):
    """What of a pass is shared out."""

    NONE = "none"
    GUIDANCE = "guidance"
    """Rows: the branches of guidance, of all images."""
    SEQUENCE = "sequence"
    """The latents of every row."""


@dataclass(frozen=True)
class Team:
    """This process among those that draw the same."""

    parallel: Parallel = Parallel.NONE
    rank: int = 0
    world: int = 1

    def spans(self, sizes: Sequence[int], rank: int | None = None) -> list[Span]:
        """What a process (None: this one) runs of rows of so many latents. Raises ValueError for rows that
        are too short to be shared out."""
        rank, world = self.rank if rank is None else rank, self.world
        if self.parallel is Parallel.GUIDANCE:
            return [(0, size if row % world == rank else 0) for row, size in enumerate(sizes)]
        if self.parallel is Parallel.NONE:
            return [(0, size) for size in sizes]
        if min(sizes) < world:
            raise ValueError(f"pictures of {min(sizes)} latents cannot be shared out over {world} processes")
        return [(size * rank // world, size * (rank + 1) // world) for size in sizes]

    def attend(self, strands: Sequence[Strand], rows: Sequence[Parts]) -> "StrandAttend | SharedAttend":
        """Attention of the rows that this process runs something of."""
        shared = self.parallel is Parallel.SEQUENCE
        return SharedAttend(strands, rows, self) if shared else StrandAttend(strands, rows)

    def together(self, own_MV: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
        """[M, V] of all rows, of what each process computed of them."""
        if self.parallel is Parallel.NONE:
            return own_MV
        import torch.distributed as dist

        # Each latent is somebody's, and zero everywhere else: the sum is exact.
        all_MV = own_MV.new_zeros(sum(sizes), own_MV.shape[1])
        spans = self.spans(sizes)
        lengths = [last - first for first, last in spans]
        for row_NV, (first, last), values_NV in zip(
            all_MV.split(list(sizes)), spans, own_MV.split(lengths), strict=True
        ):
            row_NV[first:last] = values_NV
        dist.all_reduce(all_MV)
        return all_MV

    def gathered(self, own_M: torch.Tensor, lengths: Sequence[int]) -> Iterator[torch.Tensor]:
        """What every process has, in order, of so many tokens each."""
        import torch.distributed as dist

        longest = max(lengths)
        padded = functional.pad(own_M.flatten(1), (0, 0, 0, longest - len(own_M)))
        parts = [torch.empty_like(padded) for _ in lengths]
        dist.all_gather(parts, padded)
        for part, length in zip(parts, lengths, strict=True):
            yield part[:length].unflatten(1, own_M.shape[1:])

    def agree(self, what: str, thing: object) -> None:
        """Raise ValueError, in all of them, unless all processes have come to the same thing."""
        if self.parallel is Parallel.NONE:
            return
        import torch.distributed as dist

        found: list[object] = [None] * self.world
        dist.all_gather_object(found, thing)
        if any(one != found[0] for one in found):
            raise ValueError(
                f"the {self.world} processes came to different {what}: expected devices of one kind"
            )


ALONE = Team()


class SharedAttend:
    """`StrandAttend` of a process that runs a part of the latents of every row: before it looks, it writes
    what the others have to say of theirs behind the strands. Delimiters are run by all."""

    def __init__(self, strands: Sequence[Strand], rows: Sequence[Parts], team: Team) -> None:
        self.team = team
        sizes = [sum(part.num for part in parts if part.lane is Lane.LATENT) for parts in rows]
        spans = [team.spans(sizes, rank) for rank in range(team.world)]
        self.lengths = [sum(last - first for first, last in own) for own in spans]
        self.shares = [
            StrandAttend(strands, [_only(parts, span) for parts, span in zip(rows, own, strict=True)])
            for own in spans
        ]

    @property
    def is_current(self) -> bool:
        return self.shares[0].is_current

    def __call__(
        self, layer: int, understood: Projected | None, generated: Projected | None
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        assert generated is not None
        pair_M2GK = torch.stack([generated.key_TGK, generated.value_TGK], dim=1)
        for rank, other_M2GK in enumerate(self.team.gathered(pair_M2GK, self.lengths)):
            if rank != self.team.rank:
                self.shares[rank].store(layer, None, Projected(None, *other_M2GK.unbind(1)))
        return self.shares[self.team.rank](layer, understood, generated)


def _only(parts: Parts, span: Span) -> Parts:
    """With a part of the latents alone, which see as much as all of them."""
    first, last = span
    return tuple(
        replace(part, num=last - first, slots=(part.slots[0] + first * part.slots[1], part.slots[1]))
        if part.lane is Lane.LATENT
        else part
        for part in parts
    )
