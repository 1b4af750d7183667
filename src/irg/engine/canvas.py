"""A pass of drawing: images behind strands, laid out once, and evaluated at every step.

Shape suffixes: M latent tokens of all rows of a pass, N those of one image, V values of a token, U delimiters
of all rows, D width, B times.
"""

from collections.abc import Sequence

import torch

from irg.core import Document, Grid, Kind, Role, Segment, SpecialTokens, pack
from irg.engine.attend import parts_of
from irg.engine.replay import Replayed
from irg.engine.sketch import Sketch
from irg.engine.strand import Strand, to_draw_behind
from irg.engine.team import Team
from irg.model import UnifiedModel

_LEAST_ROWS = 4
"""A single row is multiplied by another routine than many, whose rounding is not that of training."""


class Canvas:
    """The rows of a pass, for as long as the same ones come."""

    def __init__(
        self,
        model: UnifiedModel,
        sketches: Sequence[Sketch],
        rows: Sequence[tuple[Strand, int]],
        special: SpecialTokens,
        team: Team,
    ) -> None:
        self.model, self.team = model, team
        self.strands = [strand for strand, _ in rows]
        self.numbers = [number for _, number in rows]
        self.grids = [sketches[number].grid for number in self.numbers]
        self.row_sizes = [grid.num_tokens for grid in self.grids]
        every = team.spans(self.row_sizes)
        self.own = [row for row, (first, last) in enumerate(every) if first < last]
        """The rows of which this process runs something."""
        self.drawn = {self.numbers[row]: slice(*every[row]) for row in self.own}
        """What of which sketches that is."""
        self.sizes = [own.stop - own.start for own in self.drawn.values()]
        self._steady = False
        if self.own:
            self._lay_out(sketches, special)

    def _lay_out(self, sketches: Sequence[Sketch], special: SpecialTokens) -> None:
        model, grids = self.model, [self.grids[row] for row in self.own]
        documents = [Document((_noisy(grid, model.config.latent_values),)) for grid in grids]
        strands = [self.strands[row] for row in self.own]
        ready = to_draw_behind(strands, [document.num_tokens for document in documents])
        packed = pack(documents, special, [strand.position for strand in ready]).to(model.device)
        self.attend = self.team.attend(ready, [parts_of(document.segments) for document in documents])
        self.delimiters_UD = model.embed_understanding(packed)
        ours, theirs = model.ropes(packed)
        self.ropes = ours, (joined(self._of_own(theirs[0])), joined(self._of_own(theirs[1])))
        # An image is embedded once for all of its rows.
        places = zip(self.own, self._of_own(model.latent_places(packed)), strict=True)
        first = {self.numbers[row]: place_ND for row, place_ND in reversed(list(places))}
        self.place_MD = joined([first[number] for number in self.drawn])
        self._steady = ready[0].slot.slab.pool.compiled
        if self._steady:
            # Tensors that stay where they are. Each image has its time, and stands behind so many rows.
            self._latent_MV = torch.zeros_like(self._latents(sketches))
            self._time_B = torch.zeros(_rows_of(self.sizes), device=model.device)
            image_M = torch.arange(len(self.sizes)).repeat_interleave(torch.tensor(self.sizes))
            self._image_M = image_M.to(model.device)
            self._replayed = Replayed(self._in_place, model.device)

    def _of_own(self, values_M: torch.Tensor) -> list[torch.Tensor]:
        """Of values of all latents of the rows of which something is run here: what is, by rows."""
        rows = values_M.split([self.row_sizes[row] for row in self.own])
        return [values_N[self.drawn[self.numbers[row]]] for row, values_N in zip(self.own, rows, strict=True)]

    def is_for(self, sketches: Sequence[Sketch], rows: Sequence[tuple[Strand, int]]) -> bool:
        return (
            len(rows) == len(self.strands)
            and all(
                strand is ours and number == known and sketches[number].grid == grid
                for (strand, number), ours, known, grid in zip(
                    rows, self.strands, self.numbers, self.grids, strict=True
                )
            )
            and (not self.own or self.attend.is_current)
        )

    def velocities(self, sketches: Sequence[Sketch]) -> tuple[torch.Tensor, ...]:
        own_MV = self._run(sketches) if self.own else sketches[0].latent_NV[:0]
        return self.team.together(own_MV, self.row_sizes).split(self.row_sizes)

    def _run(self, sketches: Sequence[Sketch]) -> torch.Tensor:
        """[M, V] of all that is run here."""
        latent_MV, times = self._latents(sketches), [sketches[number].times[0] for number in self.drawn]
        if self._steady:
            self._latent_MV.copy_(latent_MV)
            _filled(self._time_B, times)
            velocity_MV = self._replayed().clone()
        else:
            velocity_MV = self._velocity(latent_MV, self._embedded(times))
        return velocity_MV.to(latent_MV.dtype)

    def _latents(self, sketches: Sequence[Sketch]) -> torch.Tensor:
        return joined([sketches[number].latent_NV[own] for number, own in self.drawn.items()])

    def _in_place(self) -> torch.Tensor:
        return self._velocity(self._latent_MV, self.model.timestep(self._time_B)[self._image_M])

    def _velocity(self, latent_MV: torch.Tensor, time_MD: torch.Tensor) -> torch.Tensor:
        """[M, V] of all rows; a single embedded time is that of all of them."""
        embedded_MD = self.model.latents_at(latent_MV, time_MD, self.place_MD)
        copies = dict(zip(self.drawn, embedded_MD.split(self.sizes), strict=True))
        streams = (self.delimiters_UD, joined([copies[self.numbers[row]] for row in self.own]))
        return self.model.velocity_of(streams, self.ropes, self.attend)

    def _embedded(self, times: Sequence[float]) -> torch.Tensor:
        """Each time that occurs is embedded once; [1, D] if there is only one."""
        distinct = sorted(set(times))
        time_BD = embedded_times(self.model, distinct)
        if len(distinct) == 1:
            return time_BD
        return torch.cat(
            [time_BD[distinct.index(t)].expand(size, -1) for t, size in zip(times, self.sizes, strict=True)]
        )


def embedded_times(model: UnifiedModel, times: Sequence[float]) -> torch.Tensor:
    """[B, D] of so many times."""
    return model.timestep(_filled(torch.zeros(_rows_of(times), device=model.device), times))[: len(times)]


def _filled(time_B: torch.Tensor, times: Sequence[float]) -> torch.Tensor:
    """The tensor with these times at its beginning: each goes along with a kernel, so that the host does not
    wait until a device has read them."""
    for place, time in enumerate(times):
        time_B[place].fill_(time)
    return time_B


def _rows_of(images: Sequence[object]) -> int:
    return max(len(images), _LEAST_ROWS)


def _noisy(grid: Grid, num_values: int) -> Segment:
    return Segment(Kind.NOISY, Role.IMAGE, torch.empty(grid.num_tokens, num_values), grid=grid)


def joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
