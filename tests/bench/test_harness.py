import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from irg.bench.harness import DrawnBatch, draw_all, draw_missing
from irg.bench.store import Key, SeriesStore
from irg.stages.cluster import Cluster


@dataclass(frozen=True)
class Word:
    number: int
    text: str = ""

    @property
    def key(self) -> Key:
        return (self.number,)


@dataclass(frozen=True)
class WordBatch:
    """Draws words for numbers; of 13 it fails. `wait` makes it hold a lock in that folder, and stay."""

    series: str
    numbers: tuple[int, ...]
    wait: Path | None = None

    @property
    def keys(self) -> list[Key]:
        return [(number,) for number in self.numbers]

    @property
    def amount(self) -> int:
        return len(self.numbers)

    def draw(self) -> DrawnBatch[Word]:
        if 13 in self.numbers:
            raise RuntimeError("13 cannot be drawn")
        if self.wait is not None:
            with (self.wait / f"lock-{self.numbers[0]}").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                (self.wait / f"drawing-{self.numbers[0]}").touch()
                time.sleep(600)
        return DrawnBatch(tuple(Word(number, "I" * number) for number in self.numbers), {})


def store(folder: Path, name: str = "a") -> SeriesStore[Word]:
    return SeriesStore(folder, name, {}, Word)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_missing_is_drawn_and_only_that(tmp_path: Path, workers: int) -> None:
    stores = {name: store(tmp_path, name) for name in ("a", "b")}
    stores["a"].add([Word(1, "kept"), Word(2, "kept"), Word(3, "part of a batch")], {})
    batches = [WordBatch("a", (1, 2)), WordBatch("a", (3, 4)), WordBatch("b", (1,))]
    told: list[tuple[int, int]] = []
    draw_missing(batches, stores, workers, lambda *numbers: told.append(numbers))
    assert told[0] == (2, 5) and told[-1] == (5, 5) and len(told) == 3
    words = {name: [word.text for word in store(tmp_path, name).records.values()] for name in stores}
    assert words == {"a": ["kept", "kept", "III", "IIII"], "b": ["I"]}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_ends_it_and_what_was_done_is_kept(tmp_path: Path, workers: int) -> None:
    done = {"a": store(tmp_path)}
    with pytest.raises(RuntimeError, match="13 cannot be drawn"):
        draw_missing([WordBatch("a", (1,)), WordBatch("a", (13,))], done, workers)
    assert store(tmp_path).records.keys() <= {(1,)}
    draw_missing([WordBatch("a", (1,)), WordBatch("a", (2,))], done, workers)
    assert set(store(tmp_path).records) == {(1,), (2,)}


@pytest.mark.filterwarnings(
    "ignore:`use_.*` is deprecated:DeprecationWarning",
    "ignore:Tip. In future versions of Ray:FutureWarning",
    "ignore:unclosed:ResourceWarning",
    "ignore:subprocess .* is still running:ResourceWarning",
)
def test_a_cluster_draws_the_same_and_tells_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs Ray, which is in irg[curate]")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")
    cluster, done = Cluster("local"), {"a": store(tmp_path)}
    with cluster.connected():
        done["a"].add([Word(1, "kept")], {})
        batches = [WordBatch("a", (number,)) for number in (1, 2, 3)]
        draw_missing(batches, done, cluster=cluster)
        assert [word.text for word in store(tmp_path).records.values()] == ["kept", "II", "III"]
        with pytest.raises(RuntimeError, match="13 cannot be drawn"):
            draw_missing([WordBatch("a", (13,))], done, cluster=cluster)


def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    """Killed, it can tell them nothing; a lock that one of them holds is free when it is gone."""
    parent = subprocess.Popen([sys.executable, __file__, str(tmp_path)], env=os.environ)
    try:
        until(lambda: len(list(tmp_path.glob("drawing-*"))) == 2, 120)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    for path in tmp_path.glob("lock-*"):
        with path.open() as lock:
            until(lambda lock=lock: is_free(lock.fileno()), 30)


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)


def is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    draw_all([WordBatch("a", (number,), Path(sys.argv[1])) for number in (1, 2)], 2, lambda *_: None)
