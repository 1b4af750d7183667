"""What curation takes of time and memory on this machine.

    python docs/measure_curation.py overhead     the pipeline's own time, per record and stage
    python docs/measure_curation.py memory       the driver's memory over 100,000 records
    python docs/measure_curation.py scenes       recipes/scene.yaml: throughput of every stage
    python docs/measure_curation.py duplicates   the search for near-duplicates, by hash and by embedding

The first two run stages that do next to nothing, so that what is left is proposing, storing, reading back,
selecting, writing the set and its report. Processor time is counted, which other programs do not change much.
"""

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from PIL import Image

from irg.core.picture import Picture
from irg.core.trace import Verdict
from irg.curate.contamination import Guard
from irg.curate.duplicates import embedding_text, perceptual_hash
from irg.curate.emit import EmitSettings, emit
from irg.curate.propose import Proposal, Proposer, Proposing
from irg.curate.recipe import read_recipe
from irg.curate.records import Reflection, Relation, TraceRecord, work_of
from irg.curate.report import write_report
from irg.curate.select import EMBEDDING, HASH, Select, SelectSettings
from irg.curate.session import curate
from irg.stages.flow import Job, Selector
from irg.stages.runner import Concurrency, run
from irg.stages.shards import Outcome
from irg.stages.stage import Identity, Resource

SHARD = 64


class Numbers:
    """Prompts without end."""

    identity = Identity("numbers", 1)

    async def proposals(self, start: int, count: int) -> Sequence[Proposal]:
        return [
            Proposal(f"picture number {index} of many", "measured") for index in range(start, start + count)
        ]


@dataclass
class MeasuredWork:
    """A stage that does as little as it can. `seconds` is what it took nevertheless."""

    name: str
    resource: Resource
    change: Callable[[TraceRecord], TraceRecord]
    seconds: float = 0.0

    @property
    def identity(self) -> Identity:
        return Identity(self.name, 1)

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        began = process_time()
        changed = [self.change(record) for record in records]
        self.seconds += process_time() - began
        return changed


def pictured(side: int) -> Callable[[TraceRecord], TraceRecord]:
    """Gives a record two pictures of noise, of about 3 * side**2 bytes each, and a hash."""

    def change(record: TraceRecord) -> TraceRecord:
        rng = np.random.default_rng(record.index)
        first, second = (_noise(rng, side) for _ in range(2))
        prints = {HASH: perceptual_hash(second.open())}
        return replace(record, image1=first, image2=second, fingerprints=prints, thought="Draw it.")

    return change


def judged(record: TraceRecord) -> TraceRecord:
    parts = Reflection("It is noise.", "Other noise.", "Draw.", "Better: other noise.")
    scored = record.scored({"score": record.index % 97 / 97})
    return replace(
        scored, relation=Relation.BETTER, reflection=parts, verdict1=Verdict(False), verdict2=Verdict(True)
    )


def stages(side: int) -> list[MeasuredWork]:
    return [
        MeasuredWork("think", Resource.CPU, lambda record: replace(record, thought="Draw it.")),
        MeasuredWork("draw", Resource.DEVICE, pictured(side)),
        MeasuredWork("judge", Resource.CPU, judged),
        MeasuredWork("filter", Resource.CPU, lambda record: record.noted({"seen": True})),
    ]


def job(folder: Path, count: int, made: Sequence[MeasuredWork]) -> Job:
    store = work_of(folder)
    proposer = Proposer(Numbers(), Guard(), Proposing(count, SHARD), store)
    return Job(proposer, tuple(made), Selector(store, Select(SelectSettings())), store)


def overhead(count: int) -> None:
    """Records with two pictures of about 50 KB, as large as any of this size."""
    with _folder() as folder:
        made = stages(side=128)
        work = job(folder, count, made)
        began, wall = process_time(), perf_counter()
        run(work, Concurrency(shards=4, cpu=1, device=1))
        middle = process_time()
        emit(work.store, work.selector.marks, folder, EmitSettings(), {})
        after = process_time()
        write_report(folder)
        ended, wall = process_time(), perf_counter() - wall
        own = middle - began - sum(stage.seconds for stage in made)
        num_stages = len(made) + 2
        print(f"{count:,} records of two pictures, 49 KB each; {num_stages} stages, with propose and select")
        print(f"pipeline    {1000 * own / count / num_stages:.3f} ms of processor per record and stage")
        print(f"emit        {1000 * (after - middle) / count:.3f} ms per record")
        print(f"report      {1000 * (ended - after) / count:.3f} ms per record")
        own = sum(stage.seconds for stage in made)
        print(f"all of it   {wall:.1f} s by the clock, {own:.1f} s of that the stages' own work")


def memory(count: int) -> None:
    """Pictures of 32 pixels, so that 100,000 records fit on a disk."""
    with _folder() as folder:
        work = job(folder, count, stages(side=32))
        told: list[int] = []

        def watch(name: str, outcome: Outcome) -> None:
            if name == "select" and (outcome.shard.number + 1) * SHARD * 10 // count > len(told):
                told.append(_resident())
                print(f"{(outcome.shard.number + 1) * SHARD:>9,} records   {told[-1]:>6} MB", flush=True)

        print(f"{'at first':>17}   {_resident():>6} MB")
        run(work, Concurrency(shards=4, cpu=1, device=1), watch)
        emit(work.store, work.selector.marks, folder, EmitSettings(), {})
        print(f"{'set is written':>17}   {_resident():>6} MB")
        write_report(folder)
        print(f"{'report is':>17}   {_resident():>6} MB")
        print(f"from the second tenth to the last: {told[-1] - told[1]:+} MB")


def scenes(count: int) -> None:
    with _folder() as folder:
        recipe = read_recipe(Path("recipes/scene.yaml"), [f"out={folder}", f"propose.count={count}"])
        began = perf_counter()
        curated = curate(recipe)
        wall = perf_counter() - began
        for name, tally in curated.progress.tallies.items():
            speed = tally.taken / max(tally.seconds, 1e-9)
            print(f"{name:10} {tally.taken:6,} records {speed:12,.1f} records/s and thread")
        print(f"{curated.emitted.num_traces:,} traces of {count:,} records in {wall:.1f} s by the clock")


def duplicates(count: int) -> None:
    """Records that all differ, so that each is compared with all before; embeddings of 768 numbers."""
    rng = np.random.default_rng(0)
    texts = {HASH: lambda: rng.bytes(160).hex(), EMBEDDING: lambda: embedding_text(rng.normal(size=768))}
    chosen = {
        HASH: SelectSettings(),
        EMBEDDING: SelectSettings(hash_distance=None, similarity=0.9),
    }
    for name, settings in chosen.items():
        prints = [{name: texts[name]()} for _ in range(count)]
        records = [TraceRecord(str(n), n, "a prompt", fingerprints=one) for n, one in enumerate(prints)]
        select, before, began = Select(settings), _resident(), process_time()
        for start in range(0, count, SHARD):
            kept = select.run(records[start : start + SHARD])
            assert all(record.rejected is None for record in kept)
        used = process_time() - began
        print(f"{name:10} {used:8.2f} s of processor for {count:,} records, {_resident() - before:+} MB")


def _noise(rng: np.random.Generator, side: int) -> Picture:
    buffer = io.BytesIO()
    image = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
    image.save(buffer, "PNG", compress_level=1)
    return Picture(buffer.getvalue())


def _resident() -> int:
    """Megabytes of memory that this process has."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="irg-") as name:
        yield Path(name)


PARTS = {
    "overhead": (overhead, 2000),
    "memory": (memory, 100_000),
    "scenes": (scenes, 500),
    "duplicates": (duplicates, 10_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--records", type=int, help="how many, in place of the part's own number")
    options = parser.parse_args()
    part, number = PARTS[options.part]
    part(options.records or number)


if __name__ == "__main__":
    main()
