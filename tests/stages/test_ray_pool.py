"""The runner for a cluster against the runner for one process: the same ids and bytes, whoever dies.

A cluster takes its time to start, and more with every process that dies. So one run on it is all that is
tested unless IRG_KILLS says how often drivers and workers are to be killed: IRG_KILLS=10 tests everything.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from irg.curate.emit import EmitSettings, emit
from irg.curate.filters import Filter, FilterSettings
from irg.stages.cluster import Cluster
from irg.stages.flow import Job
from irg.stages.ray_pool import Plant, run_on_cluster, spans
from irg.stages.runner import run as run_here
from irg.stages.shards import Outcome, Shard
from irg.stages.stage import Resource
from tests.stages.ray_job import (
    PER_SHARD,
    SHARDS,
    Break,
    Spend,
    build,
    stages,
)

ROOT = Path(__file__).parents[2]
CLUSTER = Cluster("local", workers=2, shards=3)
NUM_RECORDS = SHARDS * PER_SHARD
KILLS = int(os.environ.get("IRG_KILLS", "0"))
RAYS_OWN = ("Agent",)
Left = dict[str, Any]
"""By the name of a file, its bytes or its rows."""
needs_ray = pytest.mark.filterwarnings(
    # Ray's own: options of its settings object that it gave up, and what it plans for future versions.
    "ignore:`use_.*` is deprecated:DeprecationWarning",
    "ignore:Tip. In future versions of Ray:FutureWarning",
    # Its processes and sockets outlive the objects that started them.
    "ignore:unclosed:ResourceWarning",
    "ignore:subprocess .* is still running:ResourceWarning",
)
takes_minutes = pytest.mark.skipif(not KILLS, reason="takes minutes: IRG_KILLS=10 has it tested")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two workers on this machine, which every run here joins."""
    pytest.importorskip("ray", reason="needs Ray, which is in irg[curate]")
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_memory_monitor_refresh_ms", "0")  # the machine may be nearly full of others' work
    with CLUSTER.connected():
        yield CLUSTER
    patch.undo()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """What the runner for one process leaves."""
    folder = tmp_path_factory.mktemp("one")
    job = build(folder)
    assert run_here(job).num_shards == SHARDS
    return left_in(job, folder)


@needs_ray
def test_leaves_what_one_process_leaves(cluster: Cluster, expected: Left, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    job = build(tmp_path)
    progress = run_on_cluster(
        job,
        partial(stages, tmp_path),
        cluster,
        lambda name, outcome: told.append((name, outcome.shard.number)),
    )
    assert left_in(job, tmp_path) == expected
    assert asked(tmp_path) == list(range(NUM_RECORDS))
    names = [*(stage.identity.name for stage in job.stages), "propose", "select"]
    assert sorted(told) == sorted((name, number) for name in names for number in range(SHARDS))
    assert (progress.num_shards, progress.stopped) == (SHARDS, None)
    assert progress.tallies["wait"].cost.requests == NUM_RECORDS


@needs_ray
@takes_minutes
def test_goes_on_when_workers_are_killed(cluster: Cluster, expected: Left, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_all(name: str, outcome: Outcome) -> None:
        if name == "select" and outcome.shard.number in (0, 3):
            killed.extend(kill_workers())

    job = build(tmp_path)
    progress = run_on_cluster(job, partial(stages, tmp_path), cluster, kill_all)
    assert len(killed) >= 4, "nothing was at work"
    assert progress.num_shards == SHARDS
    assert left_in(job, tmp_path) == expected
    # What a worker was at when it died was done again, what it had finished was not.
    assert set(asked(tmp_path)) == set(range(NUM_RECORDS))
    assert len(asked(tmp_path)) <= NUM_RECORDS + 2 * 3 * PER_SHARD


@needs_ray
@takes_minutes
def test_goes_on_after_its_driver_was_killed(cluster: Cluster, expected: Left, tmp_path: Path) -> None:
    selected = tmp_path / "work" / "select"
    with driving(tmp_path) as driver:
        while not selected.is_dir() or len(list(selected.glob("*.parquet"))) < 2:
            assert driver.poll() is None, driver.stderr and driver.stderr.read()
            time.sleep(0.02)
        driver.kill()
    before = len(list(selected.glob("*.parquet")))
    assert 2 <= before < SHARDS
    job = build(tmp_path)
    progress = run_on_cluster(job, partial(stages, tmp_path), cluster)
    assert left_in(job, tmp_path) == expected
    assert progress.reused["select"] >= 2 * PER_SHARD - 1
    assert set(asked(tmp_path)) == set(range(NUM_RECORDS))


@needs_ray
@takes_minutes
@pytest.mark.timeout(300 + 60 * KILLS)
def test_the_set_is_the_same_whoever_dies_at_whatever_time(
    cluster: Cluster, expected: Left, tmp_path: Path
) -> None:
    chance, killed, rounds = random.Random(0), 0, 0
    while killed < KILLS or rounds == 0:
        folder = tmp_path / str(rounds)
        while True:
            with driving(folder) as driver:
                while driver.poll() is None and killed < KILLS:
                    time.sleep(chance.uniform(0.2, 3.0))
                    victim = driver.pid if chance.random() < 0.4 else chance.choice(workers() or [driver.pid])
                    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                        os.kill(victim, signal.SIGKILL)
                        killed += 1
                errors = driver.communicate()[1]
            if driver.returncode == 0:
                break
            assert driver.returncode == -signal.SIGKILL, errors
        job = build(folder)
        assert run_here(job).reused["select"] > 0, "the driver left nothing behind"
        assert left_in(job, folder) == expected
        rounds += 1


@needs_ray
@takes_minutes
def test_stops_in_good_order_and_goes_on_in_one_process(
    cluster: Cluster, expected: Left, tmp_path: Path
) -> None:
    progress = run_on_cluster(build(tmp_path, Spend), partial(stages, tmp_path, Spend), cluster)
    assert progress.stopped == "all is spent"
    assert progress.num_shards == 2
    assert progress.tallies["draw"].taken == 2 * PER_SHARD
    job = build(tmp_path)
    assert run_here(job).stopped is None
    assert left_in(job, tmp_path) == expected
    assert asked(tmp_path) == list(range(NUM_RECORDS))


@needs_ray
@takes_minutes
def test_raises_what_a_stage_raised(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no answer to record 0") as raised:
        run_on_cluster(build(tmp_path, Break), partial(stages, tmp_path, Break), cluster)
    assert "in run_async" in "".join(raised.value.__notes__)


def test_joins_stages_that_want_the_same_of_a_worker(tmp_path: Path) -> None:
    job = build(tmp_path)
    found = spans(Plant.of(job, partial(stages, tmp_path)), job.stages)
    wanted = [Resource.CPU, Resource.ENDPOINT, Resource.DEVICE, Resource.CPU]
    assert [span.resource for span in found] == wanted
    assert [len(span.stages) for span in found] == [1, 1, 1, 4]
    built = [stage.identity for span in found for stage in span.stages]
    assert built == [stage.identity for stage in job.stages]


def test_works_in_the_folder_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    job = build(Path("run"))
    proposed = first_shard(job)
    first, *_ = spans(Plant.of(job, partial(stages, Path("run"))), job.stages)
    monkeypatch.chdir(tmp_path / "elsewhere")
    (done,) = asyncio.run(first.run(proposed.left))
    assert done.shard.mark.name == "think" and Path.cwd() == tmp_path
    assert list((tmp_path / "run" / "work" / "think").glob("*.parquet"))


def test_refuses_to_work_with_other_stages_than_the_driver(tmp_path: Path) -> None:
    job = build(tmp_path)
    others = [*job.stages[:-1], Filter(FilterSettings(min_side=33))]
    first, *_ = spans(Plant.of(job, lambda: others), job.stages)
    with pytest.raises(ValueError, match="others on"):
        asyncio.run(first.run(first_shard(job).left))


def test_what_a_worker_did_travels_without_records(tmp_path: Path) -> None:
    job = build(tmp_path)
    think, _, draw, judge = spans(Plant.of(job, partial(stages, tmp_path)), job.stages)
    (thought,) = asyncio.run(think.run(first_shard(job).left))
    (drawn,) = asyncio.run(draw.run(thought.shard))
    assert (drawn.tally.taken, drawn.reused, drawn.shard.records) == (PER_SHARD, False, ())
    assert job.store.load(0, drawn.shard.lineage).records[0].image1 is not None
    assert [outcome.reused for outcome in asyncio.run(judge.run(drawn.shard))] == [False] * 4
    again = asyncio.run(judge.run(drawn.shard))
    assert [outcome.reused for outcome in again] == [True] * 4


def left_in(job: Job, folder: Path) -> Left:
    """Emits what a run selected. Returns the set's files, and the rows of every file of the work."""
    emit(job.store, job.selector.marks, folder, EmitSettings(held_out=0.2), {"made": "by a test"})
    paths = [folder / "manifest.json", *(folder / "data").rglob("*.*")]
    found: Left = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    for path in (folder / "work").glob("*/*.parquet"):
        found[str(path.relative_to(folder))] = parquet.ParquetFile(path).read().to_pylist()
    return found


def asked(folder: Path) -> list[int]:
    """The records that the endpoint's stage was asked about."""
    return sorted(int(line) for line in (folder / "diary").read_text().split())


def first_shard(job: Job) -> Shard:
    async def first() -> Shard:
        return (await anext(job.source.shards())).shard

    return asyncio.run(first())


def driving(folder: Path) -> subprocess.Popen[str]:
    """A driver in a process of its own, which belongs to the cluster that this one belongs to."""
    import ray

    address = ray.get_runtime_context().gcs_address
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": ""}
    arguments = [sys.executable, "-m", "tests.stages.ray_job", str(folder), address]
    return subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def kill_workers() -> list[int]:
    found = workers()
    for number in found:
        os.kill(number, signal.SIGKILL)
    return found


def workers() -> list[int]:
    """Every process of Ray that does work for us. Those that run the cluster are spared."""
    found = [(number, name) for number, name in descendants(os.getpid()) if name.startswith("ray::")]
    return [number for number, name in found if not any(own in name for own in RAYS_OWN)]


def descendants(ancestor: int) -> list[tuple[int, str]]:
    """The processes that came from one: number and command line."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, ours = [], {ancestor}
    while more := {number for number, parent in parents.items() if parent in ours} - ours:
        ours |= more
    for number in ours - {ancestor}:
        with contextlib.suppress(OSError):
            found.append((number, Path(f"/proc/{number}/cmdline").read_text()))
    return found
