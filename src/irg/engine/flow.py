"""Drawing: Euler steps of the rectified flow from noise to latents, under guidance.

A `Sketch` is one image on its way, a value; an `Easel` takes any sketches one step on, in one pass: they may
be of different sizes, at different times, under different guidance, and come and go between steps.

Shape suffixes: M latent tokens of all rows of a pass, N those of one image, V values of a token, D width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import torch

from irg.core import SpecialTokens
from irg.core.values import check_number
from irg.engine.canvas import Canvas, embedded_times, joined
from irg.engine.guidance import Branch, guide
from irg.engine.saving import with_known
from irg.engine.sketch import Sketch
from irg.engine.stepping import Stirred
from irg.engine.strand import Strand
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


class Easel:
    """Takes sketches one step on. It remembers how passes were laid out, while the same rows come again."""

    def __init__(self, model: UnifiedModel, special: SpecialTokens, team: Team = ALONE) -> None:
        self.model, self.special, self.team = model, special, team
        self._canvases: list[Canvas] = []

    def step(self, sketches: Sequence[Sketch]) -> tuple[Sketch, ...]:
        """Every sketch one step on; the model is run for those that do not save it."""
        now = [self._watched(sketch) if sketch.saving.reuse else sketch for sketch in sketches]
        run = [sketch for sketch in now if sketch.is_due]
        moved = iter(self._evaluated(run) if run else ())
        return tuple(_saved(sketch, next(moved)) if sketch.is_due else _carried(sketch) for sketch in now)

    def _watched(self, sketch: Sketch) -> Sketch:
        """With by how much the model's input has changed since it was run."""
        input_ND = self.model.latent_in(sketch.latent_NV.to(self.model.dtype))
        input_ND = input_ND + embedded_times(self.model, sketch.times[:1])
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
        found = next((one for one in self._canvases if one.is_for(sketches, rows)), None)
        if found is None:
            # What was laid out for rows that are gone would hold on to their slots.
            alive = {id(strand) for strand, _ in rows}
            kept = [one for one in self._canvases if {id(strand) for strand in one.strands} & alive]
            found = Canvas(self.model, sketches, rows, self.special, self.team)
            self._canvases = [*kept[-1:], found]
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
    velocity_MV = joined([mains[number] for number in members])
    if first.branches:
        branches = [
            Branch(joined([others[number][place] for number in members]), scale, is_text)
            for place, (_, scale, is_text) in enumerate(first.branches)
        ]
        velocity_MV = guide(velocity_MV, branches, first.guidance, sizes)
    t, t_next = first.times
    latent_MV = joined([sketches[number].latent_NV for number in members]) - velocity_MV * (t - t_next)
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
