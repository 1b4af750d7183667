"""The process of a model: it runs what the server sends it, until the server leaves."""

import contextlib
import pickle
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch

from irg.core.events import DenoisingStep, ImageDone, ThoughtDelta, ThoughtDone
from irg.core.trace import png
from irg.model.device import is_out_of_memory
from irg.pipeline.load import NamedCheckpoint
from irg.pipeline.state import Parts
from irg.serve.course import program
from irg.serve.history import History, PlanHistory
from irg.serve.memory import budget_of
from irg.serve.needs import KeepNeed
from irg.serve.protocol import (
    Alive,
    Broke,
    Cancel,
    Ended,
    FaultKind,
    Leave,
    ModelLoaded,
    NotLoaded,
    PictureDone,
    PictureProgress,
    Pulse,
    Said,
    Submit,
    receive,
    send,
)
from irg.serve.scheduler import Application, Broken, Scheduler, Told

PULSE = 0.25
"""Seconds between two words about how the process stands, at least."""
_ALIVE = 1.0
"""Seconds between two signs of life."""


def work(
    connection: Connection,
    checkpoint: NamedCheckpoint,
    most_running: int,
    budget: int | None,
    sharing: int,
) -> None:
    """Load a model and serve it, one of so many that share its device. Ends when the server does, however it
    ends."""
    torch.set_num_threads(max(1, torch.get_num_threads() // sharing))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which says what follows
    speaking = threading.Lock()

    def say(message: object) -> None:
        with speaking:
            send(connection, message)

    threading.Thread(target=_show_life, args=(say,), daemon=True).start()
    try:
        pipeline = checkpoint.load()
    except Exception as error:
        say(NotLoaded(f"{type(error).__name__}: {error}"))
        raise SystemExit(1) from None
    given = budget_of(checkpoint.torch_device) // sharing if budget is None else budget
    engine = Engine(pipeline.parts, given, most_running, say)
    try:
        say(ModelLoaded(given))
        while engine.goes_on:
            patience = None if engine.scheduler.is_idle else 0
            while engine.goes_on and connection.poll(patience):
                engine.take(receive(connection))
                patience = 0  # what was heard is worth a step
            engine.step()
    except (EOFError, OSError):
        return  # the server is gone, and with it all who asked


def _show_life(say: Callable[[object], None]) -> None:
    """In a thread, as long as the server is there: a pass of the model may take any time."""
    with contextlib.suppress(OSError):
        while True:
            say(Alive())
            time.sleep(_ALIVE)


class Engine:
    """A scheduler that speaks the protocol."""

    def __init__(self, parts: Parts, budget: int, most_running: int, tell: Callable[[object], None]) -> None:
        self.scheduler = Scheduler(parts, budget, most_running, self._pass_on)
        self.tell, self.goes_on = tell, True
        self._keeps: set[str] = set()
        self._pulsed = 0.0

    def take(self, command: Submit | Cancel | Leave) -> None:
        match command:
            case Submit(ticket=ticket, wanted=wanted):
                parts = self.scheduler.parts
                one = Application(
                    ticket, command.owner, lambda: program(parts, wanted), command.footprint, command.alone
                )
                if command.keeps:
                    self._keeps.add(ticket)
                try:
                    self.scheduler.submit(one)
                except ValueError as refused:
                    self._tell(ticket, Broke(FaultKind.REFUSED, str(refused)))
            case Cancel(ticket=ticket):
                self._keeps.discard(ticket)
                self.scheduler.cancel(ticket)
            case Leave():
                self.goes_on = False

    def step(self) -> None:
        began = time.perf_counter()
        self.scheduler.step()
        now, scheduler = time.perf_counter(), self.scheduler
        if now - self._pulsed > PULSE or scheduler.is_idle:
            waiting, running = len(scheduler.waiting), len(scheduler.running)
            self.tell(Pulse(waiting, running, scheduler.taken, scheduler.budget, now - began))
            self._pulsed = now

    def _pass_on(self, ticket: str, told: Told) -> None:
        self._tell(ticket, self._said(ticket, told))

    def _tell(self, ticket: str, said: Said) -> None:
        if isinstance(said, Ended | Broke):
            self._keeps.discard(ticket)
        self.tell((ticket, said))

    def _said(self, ticket: str, told: Told) -> Said:
        match told:
            case ThoughtDelta() | ThoughtDone():
                return told
            case DenoisingStep():
                preview = None if told.preview is None else png(told.preview)
                return PictureProgress(told.turn, told.index, told.total, preview)
            case ImageDone():
                return PictureDone(told.turn, png(told.image), len(told.latents))
            case KeepNeed(state=state):
                assert state.drawn.image is not None
                return PictureDone(state.turn, png(state.drawn.image), 0, kept=True)
            case History() | PlanHistory():
                course = pickle.dumps(told) if ticket in self._keeps else None
                answer = told.answer if isinstance(told, PlanHistory) else None
                return Ended(told.num_tokens, course, answer)
            case Broken():
                return _broke(told)
        raise AssertionError(told)


def _broke(broken: Broken) -> Broke:
    error = broken.error
    if isinstance(error, ValueError):
        return Broke(FaultKind.REFUSED, str(error))
    if is_out_of_memory(error):
        return Broke(FaultKind.MEMORY, "the device ran out of memory: ask again later, or for less")
    return Broke(FaultKind.INTERNAL, f"the model failed: {type(error).__name__}", broken.traceback)
