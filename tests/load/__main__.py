"""`make load`: many streaming clients at once, against the same server asked by one at a time.

Prints a table, draws a plot, and ends with exit code 1 unless nothing failed, clients were served alike,
memory stayed flat and throughput was at least twice that of one at a time.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from irg.terminal import out
from tests.load.clients import Client, together
from tests.load.memory import Memory
from tests.serve.program import program

_GROWTH = 1.05
"""Of memory, from the first half of what counts to the second, that passes for flat."""
_ALIKE, _GAIN = 2.0, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=3.0, help="of all clients together")
    parser.add_argument("--single-minutes", type=float, default=1.0, help="of one at a time")
    parser.add_argument("--out", type=Path, default=Path("runs/load"))
    parser.add_argument("serve", nargs="*", help="arguments of irg serve, after --")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with program(given.out / "server.log", *given.serve) as (address, process):
        memory = Memory(process.pid)
        single = Run.of(address, 1, given.single_minutes * 60)
        with memory:
            many = Run.of(address, given.clients, given.minutes * 60)
    plot(many, memory, given.out / "load.png")
    verdicts = judged(single, many, memory)
    show(single, many, memory)
    for holds, said in verdicts:
        out.print(f"{'holds' if holds else 'FAILS'}  {said}", markup=False)
    out.print(f"the plot is {given.out / 'load.png'}", markup=False)
    sys.exit(not all(holds for holds, _ in verdicts))


@dataclass(frozen=True)
class Run:
    """What clients got in so many seconds."""

    began: float
    seconds: float
    clients: list[Client]

    @classmethod
    def of(cls, address: str, count: int, seconds: float) -> "Run":
        began = time.monotonic()
        clients = together(address, count, seconds)
        return cls(began, time.monotonic() - began, clients)

    @property
    def counts(self) -> list[int]:
        return [len(client.answers) for client in self.clients]

    @property
    def errors(self) -> list[str]:
        return [error for client in self.clients for error in client.errors]

    @property
    def rate(self) -> float:
        """Episodes a minute."""
        return sum(self.counts) / self.seconds * 60

    def median(self, name: str) -> float:
        found = [getattr(answer, name) for client in self.clients for answer in client.answers]
        return statistics.median(found) if found else float("nan")


def judged(single: Run, many: Run, memory: Memory) -> list[tuple[bool, str]]:
    errors = single.errors + many.errors
    least, most = min(many.counts), max(many.counts)
    gain = many.rate / single.rate if single.rate else float("nan")
    return [
        (not errors, f"no errors: {len(errors)}{f', the first: {errors[0]}' if errors else ''}"),
        (most <= _ALIKE * least, f"clients are served alike: {least} to {most} episodes each"),
        (memory.growth <= _GROWTH, f"memory is flat: {memory.growth:.3f} times from half to half"),
        (gain >= _GAIN, f"together they get more: {gain:.2f} times one at a time"),
    ]


def show(single: Run, many: Run, memory: Memory) -> None:
    table = Table("", "one at a time", f"{len(many.clients)} at once", box=None)
    table.add_row("episodes", *(str(sum(run.counts)) for run in (single, many)))
    table.add_row("episodes a minute", *(f"{run.rate:.1f}" for run in (single, many)))
    for name, words in (
        ("first_words", "first words, median s"),
        ("first_picture", "first picture, median s"),
        ("whole", "episode, median s"),
    ):
        table.add_row(words, *(f"{run.median(name):.2f}" for run in (single, many)))
    table.add_row("errors", *(str(len(run.errors)) for run in (single, many)))
    table.add_row("memory, most MB", "", f"{max(memory.megabytes, default=0):.0f}")
    out.print(table)


def plot(many: Run, memory: Memory, path: Path) -> None:
    """Episodes by the time they ended, and memory beside them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 5), layout="constrained")
    ended = sorted(answer.ended - many.began for client in many.clients for answer in client.answers)
    above.step(ended, range(1, len(ended) + 1), where="post")
    above.set(ylabel="episodes", title=f"{len(many.clients)} clients at once")
    below.plot([one - many.began for one in memory.times], memory.megabytes)
    below.set(ylabel="memory, MB", xlabel="seconds", ylim=(0, None))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
