"""The engine as the server sees it: processes that each hold a model, who is in them, and who is not yet.

A process that ends takes its own requests with it, which are told so, and is started again. All of this runs
in the server's event loop; threads only carry bytes.
"""

import asyncio
import contextlib
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from logging import ERROR
from typing import Any

import torch

from irg.pipeline.load import NamedCheckpoint
from irg.serve.course import Wanted
from irg.serve.hosts import Host, Listening
from irg.serve.journal import tell
from irg.serve.protocol import (
    Alive,
    Broke,
    Ended,
    FaultKind,
    Leave,
    ModelLoaded,
    NotLoaded,
    Pulse,
    Submit,
    receive,
    send,
)
from irg.serve.refusals import Refused, later
from irg.serve.worker import work

_LONGEST_PAUSE = 30.0
"""Seconds before a process that ends again and again is started once more."""
_LEAVING = 5.0
"""Seconds that a process has to end when it is told to."""
_USUAL_WORKERS, _SMALL = 2, 1_000_000_000
"""Processes that share a CPU where the bytes of the weights are no more."""


@dataclass(frozen=True)
class Capacity:
    """How much is taken on."""

    most_running: int = 32
    """Requests that are written and drawn together by a model."""
    most_waiting: int = 256
    """Requests that wait besides, for all models; one more is refused."""
    budget: int | None = None
    """Bytes for the contexts of a model. None: a share of what is free."""
    patience: float = 60.0
    """Seconds that a request waits for a model that is being loaded."""
    workers: int = 1
    """Processes with the model on each device, which share it."""
    silence: float = 30.0
    """Seconds without a sign of life after which the process of a model counts as hung, and is ended and
    started again."""


@dataclass(frozen=True, eq=False)
class EngineRequest:
    """A request for the engine."""

    what: Wanted
    footprint: int
    owner: str = ""
    alone: bool = False
    keeps: bool = False


def usual_workers(checkpoint: NamedCheckpoint) -> int:
    """How many processes with a model its device is best shared by. The operations of a small one leave
    cores of a CPU idle, which two of them use; single requests are hardly slower for it."""
    if checkpoint.torch_device.type != "cpu":
        return 1
    is_small = sum(file.stat().st_size for file in checkpoint.folder.weight_files) <= _SMALL
    return min(_USUAL_WORKERS, torch.get_num_threads()) if is_small else 1


def on_devices(checkpoint: NamedCheckpoint) -> tuple[NamedCheckpoint, ...]:
    """The checkpoint on each GPU that there is; as it is where it names a device, or where there is none."""
    count = torch.cuda.device_count() if checkpoint.device is None else 0
    return tuple(replace(checkpoint, device=f"cuda:{number}") for number in range(count)) or (checkpoint,)


class Service:
    """Takes requests, and gives what is told of them. `start` it in the event loop that asks."""

    def __init__(self, checkpoints: Sequence[NamedCheckpoint], capacity: Capacity | None = None) -> None:
        """`capacity.workers` processes for each of the checkpoints, or for each GPU where no device is
        named."""
        self.capacity = capacity or Capacity()
        placed = (one for checkpoint in checkpoints for one in on_devices(checkpoint))
        self.checkpoints = tuple(one for one in placed for _ in range(self.capacity.workers))
        self.hosts: list[Host | None] = [None] * len(self.checkpoints)
        self.watchers: list[Callable[[Pulse], None]] = []
        """Called with every word about how a model stands."""
        self.num_lost = 0
        """Processes that ended without being told to."""
        self._failures = [0] * len(self.checkpoints)
        self._changed = asyncio.Event()
        self._restarts: set[asyncio.Task] = set()
        self._watching: asyncio.Task | None = None
        self._is_open = False

    @property
    def num_ready(self) -> int:
        """Models that are loaded."""
        return sum(host is not None and host.loaded is not None for host in self.hosts)

    @property
    def is_ready(self) -> bool:
        return self.num_ready > 0

    @property
    def num_requests(self) -> int:
        """That run or wait."""
        return sum(len(host.tickets) for host in self.hosts if host)

    @property
    def num_running(self) -> int:
        """Requests that models were at when they last said how they stand."""
        return sum(host.pulse.running for host in self.hosts if host and host.pulse)

    @property
    def budget(self) -> int | None:
        """Bytes that contexts may take up on the model that has most, if one is loaded."""
        found = [host.loaded.budget for host in self.hosts if host and host.loaded]
        return max(found, default=None)

    async def start(self) -> None:
        """Begin to load the models; `until_ready` waits for one."""
        self._is_open = True
        for number in range(len(self.checkpoints)):
            self._begin(number)
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def until_ready(self, seconds: float) -> None:
        """Raises Refused when no model is loaded by then."""
        end = time.monotonic() + seconds
        while not self.is_ready:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), end - time.monotonic())
            except TimeoutError:
                words = "the model cannot be loaded" if any(self._failures) else "the model is being loaded"
                raise later(503, "not_ready", words, 5) from None

    async def stop(self) -> None:
        """End all processes. Requests that are still there are told."""
        self._is_open = False
        for task in (*self._restarts, *([self._watching] if self._watching else [])):
            task.cancel()
        hosts = [host for host in self.hosts if host]
        for host in hosts:
            host.send(Leave())
        for host in hosts:
            await asyncio.to_thread(host.process.join, _LEAVING)
            if host.process.is_alive():
                host.process.kill()
                await asyncio.to_thread(host.process.join)
            host.outgoing.put(None)

    def check(self, wanted: EngineRequest) -> None:
        """Raise Refused for what is not taken on: it never fits, or too many wait."""
        budget = self.budget
        if budget is not None and wanted.footprint > budget:
            needs, has = wanted.footprint / 1e6, budget / 1e6
            words = f"the request needs {needs:.0f} MB of memory and this server gives {has:.0f} MB: ask for"
            raise Refused(413, "too_large", f"{words} a smaller picture, fewer turns or shorter texts")
        most = self.capacity.most_running * len(self.checkpoints) + self.capacity.most_waiting
        if self.num_requests >= most:
            raise later(429, "queue_full", f"{most} requests run and wait already", 5)

    async def ask(self, wanted: EngineRequest) -> "Listening":
        """Give a request to a model. Raises Refused when it is not taken on."""
        await self.until_ready(self.capacity.patience)
        self.check(wanted)
        # Devices need not be alike: one on which it would never fit is no place for it.
        fitting = [one for one in self.hosts if one and one.loaded and one.loaded.budget >= wanted.footprint]
        host = min(fitting, key=lambda one: len(one.tickets))
        telling = Listening(host)
        host.tickets[telling.ticket] = telling
        what = wanted.what
        host.send(Submit(telling.ticket, wanted.owner, what, wanted.footprint, wanted.alone, wanted.keeps))
        return telling

    def _begin(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # Only what it was given: what was read of it here it reads again there.
        arguments = (
            theirs,
            replace(self.checkpoints[number]),
            self.capacity.most_running,
            self.capacity.budget,
            self.capacity.workers,
        )
        process = context.Process(target=work, args=arguments, name=f"irg-model-{number}", daemon=True)
        process.start()
        theirs.close()  # so that its end is the end of what comes from it
        host = self.hosts[number] = Host(process, ours, queue.SimpleQueue())
        loop = asyncio.get_running_loop()
        for target in (self._listen, self._speak):
            threading.Thread(target=target, args=(number, host, loop), daemon=True).start()

    def _listen(self, number: int, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: what the process says."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            try:
                while True:
                    message = receive(host.connection)
                    host.heard = time.monotonic()
                    if not isinstance(message, Alive):
                        loop.call_soon_threadsafe(self._take, host, message)
            except (EOFError, OSError):
                host.process.join()
                loop.call_soon_threadsafe(self._lost, number, host)

    def _speak(self, number: int, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: what is said to the process, which may take its time to hear it."""
        with contextlib.suppress(OSError):  # the process is gone, as `_listen` hears too
            while (message := host.outgoing.get()) is not None:
                send(host.connection, message)

    async def _watch(self) -> None:
        """End processes from which nothing comes any more: what follows is as if they had ended."""
        pause = self.capacity.silence / 4
        while True:
            began = time.monotonic()
            await asyncio.sleep(pause)
            if time.monotonic() - began > 2 * pause:
                continue  # it was this process that stood still, and has yet to hear what was said
            for host in self.hosts:
                if host and not host.is_hung and host.is_silent(self.capacity.silence):
                    tell("hung", {"pid": host.process.pid, "seconds": self.capacity.silence}, ERROR)
                    host.is_hung = True
                    host.process.kill()

    def _take(self, host: Host, message: Any) -> None:
        match message:
            case ModelLoaded():
                host.loaded = message
                self._failures[self.hosts.index(host)] = 0
                self._changed.set()
            case NotLoaded(words=words):
                tell("not_loaded", {"reason": words}, ERROR)
            case Pulse():
                host.pulse = message
                for watcher in self.watchers:
                    watcher(message)
            case (str(ticket), said):
                if (told := host.tickets.get(ticket)) is not None:
                    told.tell(said)
                    if isinstance(said, Ended | Broke):
                        del host.tickets[ticket]

    def _lost(self, number: int, host: Host) -> None:
        host.outgoing.put(None)
        self.hosts[number] = None
        what = host.ending
        for told in host.tickets.values():
            told.tell(Broke(FaultKind.LOST, f"{what}: ask again, it is being started again"))
        host.tickets.clear()
        if not self._is_open:
            return
        self.num_lost += 1
        pause = min(_LONGEST_PAUSE, 0.0 if host.loaded else 2.0 ** self._failures[number])
        self._failures[number] += 1
        task = asyncio.get_running_loop().create_task(self._begin_after(number, pause))
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def _begin_after(self, number: int, pause: float) -> None:
        await asyncio.sleep(pause)
        while self._is_open:
            try:
                self._begin(number)
                return
            except OSError as refused:  # of memory or processes, of which there may be more later
                tell("not_started", {"reason": str(refused)}, ERROR)
                await asyncio.sleep(_LONGEST_PAUSE)
