"""Giving a parser what nobody meant, in a process of its own, whose time and memory are watched."""

import json
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from tests.stress.mutation import inputs

MOST_SECONDS, MOST_BYTES = 5.0, 500 << 20
"""Of one input: processor time, and memory beyond what the parser had before."""
_STUCK_SECONDS = 120
"""After its time a process is given up: it is caught in what no signal reaches."""
_ROUND = 500
"""Inputs that hypothesis makes before it forgets which it has made: what it remembers takes memory."""
_UNWATCHED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
_SHRINKS = 300
"""Inputs that may be spent on making a finding smaller."""

Reader = Callable[[bytes], object]


@dataclass(frozen=True)
class Parser:
    """Something that reads what others wrote. `open` makes, in a folder of its own, samples of it and what
    reads one; whatever is wrong with one raises an error that is `documented`."""

    name: str
    open: Callable[[Path], tuple[list[bytes], Reader]]
    documented: tuple[type[Exception], ...] = (ValueError,)


@dataclass(frozen=True)
class Finding:
    """An input that a parser did not stand: what happened, where, and the input itself in hexadecimal."""

    parser: str
    what: str
    where: str
    data: str

    @property
    def kind(self) -> tuple[str, str, str]:
        return self.parser, self.what.split(":")[0], self.where

    @property
    def is_error(self) -> bool:
        """Of the kinds that are quick to find again, and so can be made smaller."""
        return not self.what.startswith(("memory", TooSlow.__name__))

    def save(self, folder: Path) -> Path:
        """As a seed, for tests that read it ever after."""
        data = bytes.fromhex(self.data)
        path = folder / self.parser / sha256(data).hexdigest()[:16]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


@dataclass
class Outcome:
    """Inputs read, those refused as documented, and one finding, the shortest, of each kind."""

    inputs: int = 0
    refused: int = 0
    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    def add(self, other: "Outcome") -> None:
        self.inputs, self.refused = self.inputs + other.inputs, self.refused + other.refused
        for one in other.findings.values():
            self.found(one)

    def found(self, one: Finding) -> None:
        known = self.findings.get(one.kind)
        if known is None or len(one.data) < len(known.data):
            self.findings[one.kind] = one


class TooSlow(BaseException):
    """An input takes too long. No error: nothing that reads catches it."""


def fuzz(parser: Parser, seed: int, folder: Path, seconds: float, most_inputs: int | None = None) -> Outcome:
    """Read changed samples for so long, or so many of them; what a process dies of is a finding too."""
    outcome, deadline, number = Outcome(), time.monotonic() + seconds, 0
    while time.monotonic() < deadline and (most_inputs is None or outcome.inputs < most_inputs):
        left = None if most_inputs is None else most_inputs - outcome.inputs
        part = _in_a_process(
            folder / f"{parser.name.replace(' ', '-')}-{number}",
            lambda place, left=left, number=number: _read_many(
                parser, f"{seed} {parser.name} {number}", place, deadline, left
            ),
            parser,
            max(deadline - time.monotonic(), 0.0),
        )
        outcome.add(part)
        number += 1
    return outcome


def replay(parser: Parser, data: bytes, folder: Path) -> Outcome:
    """Read this one input."""

    def once(place: Path) -> Outcome:
        _, read = _opened(parser, place)
        outcome, watch = Outcome(), _Watch(place)
        watch.read(parser, read, data, outcome)
        return outcome

    return _in_a_process(folder / "replayed", once, parser, MOST_SECONDS)


def _read_many(parser: Parser, seed: str, place: Path, deadline: float, most: int | None) -> Outcome:
    corpus, read = _opened(parser, place)
    reading = _Reading(parser, read, _Watch(place), deadline, most)
    for data in corpus:  # what is not changed is read, or nothing here says anything
        read(data)
    number = 0
    while not reading.is_over:
        reading.round(inputs(corpus), int(sha256(f"{seed} {number}".encode()).hexdigest()[:8], 16))
        number += 1
    return reading.outcome


class _NotStood(Exception):
    """What hypothesis makes smaller."""


class _Reading:
    """Reads what hypothesis makes, until there was enough of it. A finding is made smaller before more."""

    def __init__(
        self, parser: Parser, read: Reader, watch: "_Watch", deadline: float, most: int | None
    ) -> None:
        self.outcome = Outcome()
        self._parser, self._read, self._watch = parser, read, watch
        self._deadline, self._most, self._is_fit = deadline, most, True

    @property
    def is_over(self) -> bool:
        is_enough = self._most is not None and self.outcome.inputs >= self._most
        return not self._is_fit or is_enough or time.monotonic() > self._deadline

    def round(self, strategy: SearchStrategy[bytes], seed: int) -> None:
        known, shrinks = {*self.outcome.findings}, 0
        smaller: tuple[str, str, str] | None = None

        def stands(data: bytes) -> None:
            nonlocal smaller, shrinks
            shrinks += smaller is not None
            if self.is_over or shrinks > _SHRINKS:
                return
            finding = self._watch.read(self._parser, self._read, data, self.outcome)
            self._is_fit = self._watch.is_fit
            if finding is None or not finding.is_error or finding.kind in known:
                return
            smaller = smaller or finding.kind
            if finding.kind == smaller:  # the shortest of a kind is what an outcome keeps
                raise _NotStood

        left = _ROUND if self._most is None else min(_ROUND, self._most - self.outcome.inputs)
        made = hypothesis.settings(
            max_examples=left,
            deadline=None,
            database=None,
            suppress_health_check=_UNWATCHED,
            phases=(Phase.generate, Phase.shrink),
        )(hypothesis.given(strategy)(stands))
        with suppress(_NotStood, Flaky):  # the latter of what ran out of its shrinks
            hypothesis.seed(seed)(made)()


def _opened(parser: Parser, place: Path) -> tuple[list[bytes], Reader]:
    scratch = place / "scratch"
    scratch.mkdir()
    return parser.open(scratch)


class _Watch:
    """Reads inputs one by one, each noted down before, so that it is known if the process dies of it."""

    def __init__(self, place: Path) -> None:
        self._noted = os.open(place / "input", os.O_RDWR | os.O_CREAT)
        self._memory = _peak()
        self.is_fit = True
        """Whether the process may go on: once too much was taken, its memory is no measure any more."""
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        # What asks for many times what is allowed is not to be given it.
        resource.setrlimit(resource.RLIMIT_AS, (held + 4 * MOST_BYTES, resource.RLIM_INFINITY))
        signal.signal(signal.SIGPROF, _stop)

    def read(self, parser: Parser, read: Reader, data: bytes, outcome: Outcome) -> Finding | None:
        """What the parser did not stand of it."""
        os.ftruncate(self._noted, 0)
        os.pwrite(self._noted, data, 0)
        outcome.inputs += 1
        found = None
        try:
            signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
            try:
                read(data)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        except parser.documented:
            outcome.refused += 1
        except (Exception, TooSlow) as error:
            found = Finding(parser.name, f"{type(error).__name__}: {error}"[:300], _where(error), data.hex())
        if (grown := _peak() - self._memory) > MOST_BYTES:
            self.is_fit = False
            found = Finding(parser.name, f"memory: {grown >> 20} MiB more", "", data.hex())
        if found is not None:
            outcome.found(found)
        return found


def _stop(number: int, frame: object) -> None:
    raise TooSlow(f"more than {MOST_SECONDS:g} s")


def _where(error: BaseException) -> str:
    """The last place of ours on the way to an error."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "/irg/" in one.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).parent.name}/{Path(last.filename).name}:{last.name}"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _in_a_process(place: Path, work: Callable[[Path], Outcome], parser: Parser, seconds: float) -> Outcome:
    """What `work` comes to in a forked process. If it dies or is stuck, its last input is a finding."""
    place.mkdir(parents=True)
    child = os.fork()
    if child == 0:
        os._exit(_write(place, work))
    limit = time.monotonic() + seconds + _STUCK_SECONDS
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < limit:
        time.sleep(0.02)
    if ended[0] == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if (failed := place / "failed").exists():
        raise RuntimeError(f"{parser.name} does not read what nobody changed:\n{failed.read_text()}")
    result = place / "outcome.json"
    if result.exists():
        return _read(json.loads(result.read_text()))
    data = (place / "input").read_bytes() if (place / "input").exists() else b""
    died = Finding(parser.name, "stuck" if ended[0] == 0 else "died", f"status {ended[1]}", data.hex())
    return Outcome(1, 0, {died.kind: died})


def _write(place: Path, work: Callable[[Path], Outcome]) -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = os.open(place / "said", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):  # libraries warn of what they are given
        os.dup2(said, stream)
    try:
        outcome = work(place)
    except BaseException:
        (place / "failed").write_text(traceback.format_exc())
        return 1
    content = {**asdict(outcome), "findings": [asdict(one) for one in outcome.findings.values()]}
    (place / "outcome.json").write_text(json.dumps(content))
    return 0


def _read(content: dict[str, Any]) -> Outcome:
    findings = [Finding(**one) for one in content["findings"]]
    return Outcome(content["inputs"], content["refused"], {one.kind: one for one in findings})
