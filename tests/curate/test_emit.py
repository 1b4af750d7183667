"""The set: its traces, where they come from, and which are held out."""

import json
from pathlib import Path

import pytest

from irg.curate.emit import EmitSettings, emit, trace_of
from irg.curate.select import SelectSettings
from irg.data.learning import modes_of
from irg.data.sets import is_held_out
from irg.data.shards import verify
from irg.data.traces import TraceStore
from irg.stages.flow import Job
from irg.stages.runner import run
from tests.curate.small import job, selected, set_in

SETTINGS = EmitSettings(held_out=0.4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def done(folder: Path) -> Job:
    made = job(folder, count=16, select=SelectSettings(hash_distance=200))
    run(made)
    return made


def write(done: Job, out: Path, settings: EmitSettings = SETTINGS) -> dict[str, int]:
    return emit(done.store, done.selector.marks, out, settings, {"made": "by a test"}, "Think.").parts


def test_every_record_is_a_trace_or_a_counted_reject(done: Job, tmp_path: Path) -> None:
    emitted = emit(done.store, done.selector.marks, tmp_path, SETTINGS, {}, "Think.")
    records = selected(done)
    kept = [record for record in records if record.rejected is None]
    assert emitted.num_traces == len(kept) and 0 < len(kept) < 16
    assert emitted.rejects == {"select": {"near-duplicate": 16 - len(kept)}}
    found = {}
    for part, number in emitted.parts.items():
        store = TraceStore(tmp_path / "data" / part)
        assert len(store) == number > 0 and not list(verify(store.path))
        for place in range(len(store)):
            trace = store.read(place)
            assert is_held_out(trace.prompt, 0.4) is (part == "held_out")
            found[trace.id] = trace
    assert set(found) == {record.id for record in kept}
    for record in kept:
        trace = found[record.id]
        assert record.reflection is not None and record.image1 is not None and record.image2 is not None
        assert [turn.thought for turn in trace.turns] == [record.thought, record.reflection.text]
        pictures = [record.image1.open(), record.image2.open()]
        assert [turn.image.tobytes() for turn in trace.turns] == [one.tobytes() for one in pictures]
        assert trace.system_prompt == "Think." and modes_of(trace)


def test_a_trace_knows_where_it_comes_from(done: Job) -> None:
    record = next(record for record in selected(done) if record.rejected is None)
    known = json.loads(json.dumps(trace_of(record).provenance))
    assert known["source"].startswith("scene world") and known["licence"] == "Apache-2.0"
    assert known["proposal"] == record.index and known["relation"] == "better"
    assert known["notes"] == {
        "thought": "oracle",
        "image 1": "programmatic flaws",
        "image 2": "oracle",
        "candidate": 0,
    }
    names = [stage["stage"] for stage in known["stages"]]
    assert names == ["propose", "think", "draw", "improve", "judge", "reflect", "filter", "select"]
    assert all(
        set(stage) == {"stage", "version", "key", "model", "templates", "seed"} for stage in known["stages"]
    )
    drawn = known["stages"][names.index("draw")]
    assert drawn["model"]["fingerprint"] and trace_of(record).seed == drawn["seed"]


def test_the_same_run_gives_the_same_bytes(done: Job, tmp_path: Path) -> None:
    write(done, tmp_path / "a")
    write(done, tmp_path / "b")
    assert set_in(tmp_path / "a") == set_in(tmp_path / "b")


def test_a_set_that_is_there_is_left_alone_and_another_takes_its_place(done: Job, tmp_path: Path) -> None:
    parts = write(done, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.parquet")}
    assert write(done, tmp_path) == parts
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.parquet")} == times
    assert write(done, tmp_path, EmitSettings()) == {"train": sum(parts.values())}
    assert not (tmp_path / "data" / "held_out").exists()


def test_a_set_whose_writing_was_cut_short_is_written_again(done: Job, tmp_path: Path) -> None:
    write(done, tmp_path)
    whole = set_in(tmp_path)
    (tmp_path / "data").rename(tmp_path / ".data.partial")  # as killed between two namings
    write(done, tmp_path)
    assert set_in(tmp_path) == whole and not (tmp_path / ".data.partial").exists()


def test_what_is_no_set_of_ours_is_never_deleted(done: Job, tmp_path: Path) -> None:
    thesis = tmp_path / "data" / "raw" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("irreplaceable")
    with pytest.raises(ValueError, match="holds 'raw' and no curated set that irg made"):
        write(done, tmp_path)
    assert thesis.read_text() == "irreplaceable"


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_refuses_a_share_that_leaves_nothing(share: float) -> None:
    with pytest.raises(ValueError, match="held_out"):
        EmitSettings(held_out=share)
