"""The loop of an engine: programs of any number of requests, their needs met together, pass by pass.

Each `step` lets in who fits, reads what is to be read, gives every text some more tokens and every picture
one step more. Who shares a pass with whom changes nothing but the rounding of batched arithmetic; a request
that asks to run `alone` shares none, and is drawn as a single episode is, to the bit.

What goes wrong with one request is that one's alone: a pass that fails is run again for each of its members.
"""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from PIL import Image

from irg.core.events import DenoisingStep, Event, ImageDone, ThoughtDelta
from irg.engine import Easel, Line, Sketch, Strand, append, closed, write_on
from irg.pipeline.episode import GrowingText, lines_of, pictures_of, read_images, read_lines, sketches_of
from irg.pipeline.state import Parts, State
from irg.serve.history import History, PlanHistory
from irg.serve.needs import DrawNeed, KeepNeed, Need, Program, ReadNeed, ShowNeed, ThinkNeed
from irg.serve.queue import FairQueue

TOKENS = 8
"""Of every text that is being written, for one step of the pictures: a step takes about as long."""
Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Application:
    """A request that asks to run: its program, which begins when it is let in, and the bytes that it takes
    up at most."""

    ticket: str
    owner: str
    begin: Callable[[], Program]
    footprint: int
    alone: bool = False


@dataclass(frozen=True, eq=False)
class Broken:
    """The end of a request that could not be done. The error holds nothing of what it came from."""

    error: Exception
    traceback: str


Told = Event | KeepNeed | History | PlanHistory | Broken
"""What is told of a request; a history and `Broken` are the last of it."""


@dataclass(eq=False)
class _Running:
    application: Application
    program: Program
    need: Need | None = None
    line: Line | None = None
    text: GrowingText | None = None
    sketch: Sketch | None = None
    easel: Easel | None = None
    """Of its own, if it runs alone."""
    began: float = field(default_factory=time.perf_counter)
    """When its need did."""

    @property
    def state(self) -> State:
        assert self.need is not None
        return self.need.state

    @property
    def place(self) -> tuple[int, int]:
        """Where its context lies: neighbours are read together."""
        slot = (self.state.main if self.line is None else self.line.strand).slot
        return id(slot.slab), slot.row


class Scheduler:
    """Runs the programs of requests. It is stepped by whoever has the model, from one thread."""

    def __init__(
        self, parts: Parts, budget: int, most_running: int, tell: Callable[[str, Told], None]
    ) -> None:
        """`budget` are the bytes that all contexts together may take up. `tell` is called, during a step,
        with the ticket of a request and what is told of it."""
        self.parts, self.budget, self.most_running, self.tell = parts, budget, most_running, tell
        self.waiting: FairQueue[Application] = FairQueue()
        self.running: dict[str, _Running] = {}
        self._easel = Easel(parts.model, parts.special)

    @property
    def is_idle(self) -> bool:
        return not self.running and not len(self.waiting)

    @property
    def taken(self) -> int:
        """Bytes that are promised to those who run."""
        return sum(one.application.footprint for one in self.running.values())

    def submit(self, application: Application) -> None:
        """Let a request wait. Raises ValueError for one that could never run."""
        if application.footprint > self.budget:
            needed, given = application.footprint / 1e6, self.budget / 1e6
            raise ValueError(
                f"the request needs {needed:.0f} MB for its context, and there are {given:.0f} MB"
            )
        self.waiting.push(application)

    def cancel(self, ticket: str) -> None:
        """Forget a request, with all that it holds; nothing more is told of it."""
        if self.waiting.remove(ticket) is None and ticket in self.running:
            self._leave(self.running[ticket])

    @torch.inference_mode()
    def step(self) -> None:
        """Everybody some way on."""
        self._admit()
        self._read()
        for _ in range(TOKENS):
            if not self._write():
                break
        self._draw()

    def _admit(self) -> None:
        while len(self.running) < self.most_running:
            owners = Counter(one.application.owner for one in self.running.values())
            one = self.waiting.pop(owners, self._fits)
            if one is None:
                return
            running = self.running[one.ticket] = _Running(one, one.begin())
            self._go_on(running, None)

    def _fits(self, application: Application) -> bool:
        return self.taken + application.footprint <= self.budget

    def _go_on(self, one: _Running, state: State | None) -> None:
        """The next need of a program, or its end."""
        self._forget(one)
        try:
            one.need = next(one.program) if state is None else one.program.send(state)
            while isinstance(one.need, KeepNeed):
                self.tell(one.application.ticket, one.need)
                one.need = one.program.send(one.need.state)
        except StopIteration as ended:
            self.tell(one.application.ticket, ended.value)
            self._leave(one)
        except Exception as error:
            self._break(one, error)
        else:
            one.began = time.perf_counter()

    def _break(self, one: _Running, error: Exception) -> None:
        told = "".join(traceback.format_exception(error))
        error.__traceback__ = error.__context__ = error.__cause__ = None
        self.tell(one.application.ticket, Broken(error, told))
        self._leave(one)

    def _leave(self, one: _Running) -> None:
        self._forget(one)
        one.program.close()
        one.need = None
        del self.running[one.application.ticket]

    def _forget(self, one: _Running) -> None:
        """What it was about. Slots are free once nothing holds them: layouts of passes are forgotten too."""
        if one.sketch is not None and one.easel is None:
            self._easel = Easel(self.parts.model, self.parts.special)
        one.line = one.text = one.sketch = one.easel = None

    def _needing(self, kind: type[Need]) -> list[_Running]:
        found = [one for one in self.running.values() if isinstance(one.need, kind)]
        return sorted(found, key=lambda one: one.place)

    def _together(
        self, members: Sequence[_Running], work: Callable[[Sequence[_Running]], Sequence[Found]]
    ) -> Iterator[tuple[_Running, Found]]:
        """What the work makes of each member; those that run alone have it done by themselves, and so have
        all where it fails."""
        alone = [[one] for one in members if one.application.alone]
        shared = [one for one in members if not one.application.alone]
        for batch in [shared, *alone] if shared else alone:
            yield from self._attempted(batch, work)

    def _attempted(
        self, batch: Sequence[_Running], work: Callable[[Sequence[_Running]], Sequence[Found]]
    ) -> Iterator[tuple[_Running, Found]]:
        try:
            found = work(batch)
        except Exception as error:
            failure = error
        else:
            yield from zip(batch, found, strict=True)
            return
        if len(batch) == 1:
            self._break(batch[0], failure)
            return
        del failure  # which holds on to what the pass held
        for one in batch:
            yield from self._attempted([one], work)

    def _read(self) -> None:
        """All that is to be read before anything can be written or drawn."""
        while True:
            texts, pictures = self._needing(ReadNeed), self._needing(ShowNeed)
            if not texts and not pictures:
                return
            for spares in sorted({_spares(one.need) for one in texts}):
                same = [one for one in texts if _spares(one.need) == spares]
                for one, strand in self._together(same, self._appended):
                    self._go_on(one, replace(one.state, main=strand))
            for way in sorted({_way(one.need) for one in pictures}):
                same = [one for one in pictures if _way(one.need) == way]
                for one, state in self._together(same, self._shown):
                    self._go_on(one, state)

    def _appended(self, batch: Sequence[_Running]) -> tuple[Strand, ...]:
        needs = [need for one in batch if isinstance(need := one.need, ReadNeed)]
        strands, documents = [need.state.main for need in needs], [need.segments for need in needs]
        spare = max((need.spare for need in needs if need.spare is not None), default=None)
        return append(self.parts.model, strands, documents, self.parts.special, spare)

    def _shown(self, batch: Sequence[_Running]) -> tuple[State, ...]:
        needs = [need for one in batch if isinstance(need := one.need, ShowNeed)]
        states, pictures = [need.state for need in needs], [need.picture for need in needs]
        return read_images(self.parts, states, pictures, needs[0].clean, needs[0].view)

    def _write(self) -> bool:
        """One token more for every text. Returns whether there was any."""
        writing = self._needing(ThinkNeed)
        for one in writing:
            if one.line is None:
                begun = one.need.line if isinstance(one.need, ThinkNeed) else None
                one.line = begun or lines_of(self.parts, [one.state])[0]
                one.text = GrowingText(self.parts.tokenizer)
        ended = []
        for one, line in self._together(writing, self._written):
            one.line = line
            assert one.text is not None
            if fresh := one.text.more(line.ids, line.finished):
                self.tell(one.application.ticket, ThoughtDelta(line.turn, fresh))
            if line.finished:
                ended.append(one)
        for one, (state, done) in self._together(ended, self._finished):
            self.tell(one.application.ticket, done)
            self._go_on(one, _took(state, "thought", one))
        return bool(writing)

    def _written(self, batch: Sequence[_Running]) -> tuple[Line, ...]:
        lines = [one.line for one in batch if one.line is not None]
        return write_on(self.parts.model, lines, self.parts.special)[0]

    def _finished(self, batch: Sequence[_Running]) -> Sequence:
        lines = [one.line for one in batch if one.line is not None]
        strands = closed(self.parts.model, lines, self.parts.special)
        return read_lines(self.parts, [one.state for one in batch], lines, strands)

    def _draw(self) -> None:
        """One step more for every picture."""
        drawing = self._needing(DrawNeed)
        for one in drawing:
            if one.sketch is None and isinstance(one.need, DrawNeed) and one.need.sketch is not None:
                self._begin(one, one.state, one.need.sketch)
        new = [one for one in drawing if one.sketch is None]
        for plan in dict.fromkeys(need.turn_plan for one in new if isinstance(need := one.need, DrawNeed)):
            same = [one for one in new if isinstance(need := one.need, DrawNeed) and need.turn_plan == plan]
            for one, (state, sketch) in self._together(same, self._sketched):
                self._begin(one, state, sketch)
        ready = [one for one in self._needing(DrawNeed) if one.sketch is not None]
        for one, sketch in self._together(ready, self._stepped):
            one.sketch = sketch
        self._show([one for one in ready if one.sketch is not None])

    def _begin(self, one: _Running, state: State, sketch: Sketch) -> None:
        assert one.need is not None
        one.need, one.sketch = replace(one.need, state=state), sketch
        one.easel = Easel(self.parts.model, self.parts.special) if one.application.alone else None

    def _sketched(self, batch: Sequence[_Running]) -> list[tuple[State, Sketch]]:
        need = batch[0].need
        assert isinstance(need, DrawNeed)
        states, sketches = sketches_of(self.parts, [one.state for one in batch], need.turn_plan)
        return list(zip(states, sketches, strict=True))

    def _stepped(self, batch: Sequence[_Running]) -> tuple[Sketch, ...]:
        easel = batch[0].easel or self._easel
        return easel.step([one.sketch for one in batch if one.sketch is not None])

    def _show(self, stepped: Sequence[_Running]) -> None:
        """What has come of a step: how far each is, previews, and pictures that are done."""
        previews = dict(self._together([one for one in stepped if _is_shown(one)], self._estimated))
        done = []
        for one in stepped:
            if (sketch := one.sketch) is None:
                continue  # its preview broke it
            total, latent_NV = len(sketch.schedule) - 1, sketch.latent_NV
            step = DenoisingStep(one.state.turn, sketch.index, total, latent_NV, previews.get(one))
            self.tell(one.application.ticket, step)
            if sketch.is_done:
                done.append(one)
        for one, picture in self._together(done, self._decoded):
            sketch, state = one.sketch, one.state
            assert sketch is not None
            self.tell(one.application.ticket, ImageDone(state.turn, picture, sketch.latent_NV))
            evaluations = state.drawn.evaluations + sketch.evaluations
            drawn = replace(state.drawn, image=picture, evaluations=evaluations)
            self._go_on(one, _took(replace(state, drawn=drawn), "drawing", one))

    def _estimated(self, batch: Sequence[_Running]) -> list[Image.Image]:
        sketches = [one.sketch for one in batch if one.sketch is not None]
        return pictures_of(self.parts, [(sketch.estimate_NV, sketch.grid) for sketch in sketches])

    def _decoded(self, batch: Sequence[_Running]) -> list[Image.Image]:
        sketches = [one.sketch for one in batch if one.sketch is not None]
        return pictures_of(self.parts, [(sketch.latent_NV, sketch.grid) for sketch in sketches])


def _way(need: Need | None) -> tuple[bool, bool]:
    assert isinstance(need, ShowNeed)
    return need.clean, need.view


def _spares(need: Need | None) -> bool:
    return isinstance(need, ReadNeed) and need.spare is not None


def _is_shown(one: _Running) -> bool:
    assert isinstance(one.need, DrawNeed) and one.sketch is not None
    return one.sketch.index in one.need.previews and not one.sketch.is_done


def _took(state: State, name: str, one: _Running) -> State:
    return replace(state, drawn=state.drawn.took(name, time.perf_counter() - one.began))
