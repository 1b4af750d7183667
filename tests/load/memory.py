"""What processes take up while they are watched."""

import os
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

_WARM_UP = 0.25
"""Of the time, after which memory counts: by then all that is kept for good has been made."""


@dataclass
class Memory:
    """What a server and its processes take up, second by second, while this is entered."""

    pid: int
    times: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Memory":
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            self.times.append(time.monotonic())
            self.megabytes.append(sum(map(resident, family(self.pid))) / 1e6)

    @property
    def growth(self) -> float:
        counted = self.megabytes[int(len(self.megabytes) * _WARM_UP) :]
        middle = len(counted) // 2
        if not middle:
            return float("nan")
        return statistics.median(counted[middle:]) / statistics.median(counted[:middle])


def family(pid: int) -> list[int]:
    """A process and those that came of it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue  # it has ended
            parents[int(name)] = int(stat.rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def resident(pid: int) -> int:
    """Bytes of memory that a process takes up."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
