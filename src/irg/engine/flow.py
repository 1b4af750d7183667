"""Drawing: Euler steps of the rectified flow from noise to latents, under guidance.

A `Sketch` is one image on its way, a value; an `Easel` takes any sketches one step on, in one pass: they may
be of different sizes, at different times, under different guidance, and come and go between steps.

Shape suffixes: M latent tokens of all rows of a pass, N those of one image, V values of a token, U delimiters
of all rows, D width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch

from irg.core import Document, Grid, Kind, Role, Segment, SpecialTokens, pack
from irg.core.values import check_number
from irg.engine.attend import parts_of
from irg.engine.guidance import Branch, Guidance, guide
from irg.engine.replay import Replayed
from irg.engine.saving import EXACT, Known, Saving, with_known
from irg.engine.stepping import Stirred
from irg.engine.strand import Strand, to_draw_behind
from irg.engine.team import ALONE, Team
from irg.model import UnifiedModel

MOST_POINTS = 1000


def shifted_schedule(num_points: int, shift: float) -> tuple[float, ...]:
    """Times from 1 to 0: evenly spaced points t, each moved to s t / (1 + (s - 1) t).

    N points make N - 1 evaluations of the model, as in the reference.
    """
    check_schedule(num_points, shift)
    even = torch.linspace(1, 0, num_points)
    return tuple((shift * even / (1 + (shift - 1) * even)).tolist())


def check_schedule(num_points: int, shift: float) -> None:
    """Raise ValueError for what makes no schedule."""
    check_number("time points of drawing:", num_points, 2, MOST_POINTS, whole=True)
    check_number("timestep shift", shift, above=0)


_LEAST_ROWS = 4
"""A single row is multiplied by another routine than many, whose rounding is not that of training."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """An image that is being drawn: what each branch has read, and how far it has come.

    A branch that is absent, or whose scale is 1, would change nothing and is not run.
    """

    main: Strand
    text: Strand | None
    image: Strand | None
    grid: Grid
    schedule: tuple[float, ...]
    guidance: Guidance
    latent_NV: torch.Tensor
    index: int = 0
    """Steps that were taken."""
    velocity_NV: torch.Tensor | None = None
    """Of the last step."""
    evaluations: int = 0
    """How often the model was run for it: at each step once, and once more for each branch that was on."""
    saving: Saving = EXACT
    known: Known = ()
    """What is saved by: nothing where nothing is saved."""
    input_ND: torch.Tensor | None = None
    """Where velocities are used again, what the model would have been given at the last step."""
    change: float = 0.0
    """By how much that has changed since the model was run."""
    stirred: Stirred | None = None
    """Steps that are taken with noise; all others go straight on."""

    def __post_init__(self) -> None:
        if self.stirred is not None and not self.saving.is_exact:
            raise ValueError("steps with noise are evaluated each: expected no saving")
        if len(self.latent_NV) != self.grid.num_tokens:
            raise ValueError(f"{len(self.latent_NV)} latent tokens for a grid of {tuple(self.grid)}")

    @property
    def is_done(self) -> bool:
        return self.index == len(self.schedule) - 1

    @property
    def is_due(self) -> bool:
        """Whether the next step runs the model."""
        if not self.saving.reuse:
            return self.saving.evaluates(self.index)
        return self.index in (0, len(self.schedule) - 2) or self.change >= self.saving.reuse

    @property
    def times(self) -> tuple[float, float]:
        """From when to when the next step goes."""
        return self.schedule[self.index], self.schedule[self.index + 1]

    @property
    def estimate_NV(self) -> torch.Tensor:
        """The finished image's latents as they look from here, for previews."""
        if self.velocity_NV is None:
            raise ValueError("nothing has been drawn yet")
        return self.latent_NV - self.schedule[self.index] * self.velocity_NV

    @property
    def branches(self) -> tuple[tuple[Strand, float, bool], ...]:
        """The branches that the next step runs: strand, scale, and whether it is the text branch."""
        guidance = self.guidance
        if not guidance.is_on(self.times[0]):
            return ()
        both = ((self.text, guidance.text_scale, True), (self.image, guidance.image_scale, False))
        return tuple((strand, scale, is_text) for strand, scale, is_text in both if strand and scale != 1.0)


class Easel:
    """Takes sketches one step on. It remembers how passes were laid out, while the same rows come again."""

    def __init__(self, model: UnifiedModel, special: SpecialTokens, team: Team = ALONE) -> None:
        self.model, self.special, self.team = model, special, team
        self._passes: list[_Pass] = []

    def step(self, sketches: Sequence[Sketch]) -> tuple[Sketch, ...]:
        """Every sketch one step on; the model is run for those that do not save it."""
        now = [self._watched(sketch) if sketch.saving.reuse else sketch for sketch in sketches]
        run = [sketch for sketch in now if sketch.is_due]
        moved = iter(self._evaluated(run) if run else ())
        return tuple(_saved(sketch, next(moved)) if sketch.is_due else _carried(sketch) for sketch in now)

    def _watched(self, sketch: Sketch) -> Sketch:
        """With by how much the model's input has changed since it was run."""
        input_ND = self.model.latent_in(sketch.latent_NV.to(self.model.dtype))
        input_ND = input_ND + _embedded_times(self.model, sketch.times[:1])
        if (before_ND := sketch.input_ND) is None:
            return replace(sketch, input_ND=input_ND)
        change = (input_ND - before_ND).abs().mean() / before_ND.abs().mean()
        return replace(sketch, input_ND=input_ND, change=sketch.change + change.item())

    def _evaluated(self, sketches: Sequence[Sketch]) -> tuple[Sketch, ...]:
        """Every sketch one exact step on."""
        rows: list[tuple[Strand, int]] = [(sketch.main, number) for number, sketch in enumerate(sketches)]
        for is_text in (True, False):
            rows += [
                (strand, number)
                for number, sketch in enumerate(sketches)
                for strand, _, which in sketch.branches
                if which is is_text
            ]
        velocities = self._velocities(sketches, rows)
        after: list[Sketch] = []
        taken = iter(zip(velocities, rows, strict=True))
        mains = [next(taken)[0] for _ in sketches]
        others: list[list[torch.Tensor]] = [[] for _ in sketches]
        for velocity_NV, (_, number) in taken:
            others[number].append(velocity_NV)
        for _, members in groupby(range(len(sketches)), key=lambda number: _manner(sketches[number])):
            after += _stepped(sketches, mains, others, list(members))
        return tuple(after)

    def _velocities(
        self, sketches: Sequence[Sketch], rows: Sequence[tuple[Strand, int]]
    ) -> tuple[torch.Tensor, ...]:
        """[N, V] of every row: a strand, and the number of the sketch that is drawn behind it."""
        found = next((one for one in self._passes if one.is_for(sketches, rows)), None)
        if found is None:
            # What was laid out for rows that are gone would hold on to their slots.
            alive = {id(strand) for strand, _ in rows}
            kept = [one for one in self._passes if {id(strand) for strand in one.strands} & alive]
            found = _Pass(self.model, sketches, rows, self.special, self.team)
            self._passes = [*kept[-1:], found]
        return found.velocities(sketches)


def denoise(
    model: UnifiedModel, sketches: Sequence[Sketch], special: SpecialTokens, team: Team = ALONE
) -> Iterator[tuple[Sketch, ...]]:
    """Draw all of them, yielding how far they have come after each step. Those that are done leave the
    batch."""
    easel, now = Easel(model, special, team), list(sketches)
    while going := [row for row, sketch in enumerate(now) if not sketch.is_done]:
        for row, sketch in zip(going, easel.step([now[row] for row in going]), strict=True):
            now[row] = sketch
        yield tuple(now)


class _Pass:
    """Images behind strands, laid out once, and evaluated at every step in which the same rows come."""

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
        self.ropes = ours, (_joined(self._of_own(theirs[0])), _joined(self._of_own(theirs[1])))
        # An image is embedded once for all of its rows.
        places = zip(self.own, self._of_own(model.latent_places(packed)), strict=True)
        first = {self.numbers[row]: place_ND for row, place_ND in reversed(list(places))}
        self.place_MD = _joined([first[number] for number in self.drawn])
        self._steady = ready[0].slot.slab.pool.compiled
        if self._steady:
            # Tensors that stay where they are. Each image has its time, and stands behind so many rows.
            self._latent_MV = torch.zeros_like(self._latents(sketches))
            self._time_B = torch.zeros(max(len(self.sizes), _LEAST_ROWS), device=model.device)
            image_M = torch.arange(len(self.sizes)).repeat_interleave(torch.tensor(self.sizes))
            self._image_M = image_M.to(model.device)
            self._replayed = Replayed(self._in_place, model.device)
            self._replayed.prepare()

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
            self._time_B[: len(times)].copy_(torch.tensor(times))
            velocity_MV = self._replayed().clone()
        else:
            velocity_MV = self._velocity(latent_MV, self._embedded(times))
        return velocity_MV.to(latent_MV.dtype)

    def _latents(self, sketches: Sequence[Sketch]) -> torch.Tensor:
        return _joined([sketches[number].latent_NV[own] for number, own in self.drawn.items()])

    def _in_place(self) -> torch.Tensor:
        return self._velocity(self._latent_MV, self.model.timestep(self._time_B)[self._image_M])

    def _velocity(self, latent_MV: torch.Tensor, time_MD: torch.Tensor) -> torch.Tensor:
        """[M, V] of all rows; a single embedded time is that of all of them."""
        embedded_MD = self.model.latents_at(latent_MV, time_MD, self.place_MD)
        copies = dict(zip(self.drawn, embedded_MD.split(self.sizes), strict=True))
        streams = (self.delimiters_UD, _joined([copies[self.numbers[row]] for row in self.own]))
        return self.model.velocity_of(streams, self.ropes, self.attend)

    def _embedded(self, times: Sequence[float]) -> torch.Tensor:
        """Each time that occurs is embedded once; [1, D] if there is only one."""
        distinct = sorted(set(times))
        time_BD = _embedded_times(self.model, distinct)
        if len(distinct) == 1:
            return time_BD
        return torch.cat(
            [time_BD[distinct.index(t)].expand(size, -1) for t, size in zip(times, self.sizes, strict=True)]
        )


def _embedded_times(model: UnifiedModel, times: Sequence[float]) -> torch.Tensor:
    """[B, D] of so many times."""
    rows = torch.tensor(list(times) * _LEAST_ROWS, device=model.device)
    return model.timestep(rows)[: len(times)]


def _noisy(grid: Grid, num_values: int) -> Segment:
    return Segment(Kind.NOISY, Role.IMAGE, torch.empty(grid.num_tokens, num_values), grid=grid)


def _manner(sketch: Sketch) -> tuple[object, ...]:
    """What sketches must share to be guided and moved together."""
    return sketch.times, sketch.guidance, tuple(branch[1:] for branch in sketch.branches)


def _stepped(
    sketches: Sequence[Sketch],
    mains: Sequence[torch.Tensor],
    others: Sequence[Sequence[torch.Tensor]],
    members: Sequence[int],
) -> list[Sketch]:
    """Those of the sketches, which share their manner, a step on by their branches' velocities."""
    first = sketches[members[0]]
    sizes = [sketches[number].grid.num_tokens for number in members]
    velocity_MV = _joined([mains[number] for number in members])
    if first.branches:
        branches = [
            Branch(_joined([others[number][place] for number in members]), scale, is_text)
            for place, (_, scale, is_text) in enumerate(first.branches)
        ]
        velocity_MV = guide(velocity_MV, branches, first.guidance, sizes)
    t, t_next = first.times
    latent_MV = _joined([sketches[number].latent_NV for number in members]) - velocity_MV * (t - t_next)
    return [
        replace(
            sketches[number],
            latent_NV=latent_NV,
            velocity_NV=velocity_NV,
            index=sketches[number].index + 1,
            evaluations=sketches[number].evaluations + 1 + len(first.branches),
        )
        for number, latent_NV, velocity_NV in zip(
            members, latent_MV.split(sizes), velocity_MV.split(sizes), strict=True
        )
    ]


def _saved(before: Sketch, after: Sketch) -> Sketch:
    """What an exact step made, by the sketch's own way to go on."""
    if before.stirred is not None:
        return _stirred(before, after, before.stirred)
    if before.saving.is_exact:
        return after
    assert after.velocity_NV is not None
    known, (t, t_next) = with_known(before.known, before.times[0], after.velocity_NV), before.times
    velocity_NV = before.saving.velocity(known, before.times)
    latent_NV = before.latent_NV - velocity_NV * (t - t_next)
    return replace(after, latent_NV=latent_NV, known=known, change=0.0)


def _stirred(before: Sketch, after: Sketch, stirred: Stirred) -> Sketch:
    noise_NV, velocity_NV = stirred.noise_of(before.index), after.velocity_NV
    if noise_NV is None:
        return after
    assert velocity_NV is not None
    noise_NV = noise_NV.to(velocity_NV.device)
    latent_NV = stirred.sampler.step(before.latent_NV, velocity_NV, before.times, noise_NV)
    return replace(after, latent_NV=latent_NV.to(after.latent_NV.dtype))


def _carried(sketch: Sketch) -> Sketch:
    """A step on without the model."""
    velocity_NV, (t, t_next) = sketch.saving.velocity(sketch.known, sketch.times), sketch.times
    return replace(
        sketch,
        latent_NV=sketch.latent_NV - velocity_NV * (t - t_next),
        velocity_NV=velocity_NV,
        index=sketch.index + 1,
    )


def _joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
