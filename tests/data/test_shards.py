import json
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest

from irg.data.shards import Manifest, ShardFormat, ShardWriter, bytes_of, file_hash, verify
from irg.data.source import RowError
from irg.data.traces import TraceStore, TraceWriter
from tests.data.stored import FULL, flip, some, write


def test_groups_and_files_end_at_their_numbers_of_rows_and_bytes(tmp_path: Path) -> None:
    store = write(tmp_path / "rows", some(10), rows_per_group=3, rows_per_file=7)
    assert store.group_sizes == (3, 3, 1, 3)
    large = [replace(FULL, id=str(number), prompt="x" * 11_000_000) for number in range(5)]
    assert write(tmp_path / "bytes", large).group_sizes == (2, 2, 1)


def test_the_manifest_counts_and_names_the_source(tmp_path: Path) -> None:
    write(tmp_path, [FULL, *some(4)], rows_per_file=3)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["format"] == "irg-traces" and manifest["provenance"] == {"made": "here"}
    assert manifest["rows"] == 5 and [file["rows"] for file in manifest["files"]] == [3, 2]
    assert manifest["modes"]["improving_full"] == 4  # the full one lacks its first thought
    assert manifest["modes"]["edit"] == 1 and manifest["modes"]["question"] == 4


def test_a_folder_holds_a_whole_store_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), TraceWriter(tmp_path, rows_per_file=2) as writer:
        for one in some(5):
            writer.write(one)
        raise KeyError
    assert not list(tmp_path.iterdir())
    killed = TraceWriter(tmp_path, rows_per_file=2).__enter__()
    for one in some(5):
        killed.write(one)
    with pytest.raises(ValueError, match="no parquet files"):
        TraceStore(tmp_path)
    store = write(tmp_path, some(3))
    assert len(store) == 3 and sorted(path.name for path in tmp_path.iterdir())[0] == "manifest.json"
    with pytest.raises(ValueError, match="holds a data set already"):
        write(tmp_path, some(1))


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_set_whose_writer_was_killed_as_it_moved_files_is_not_whole(tmp_path: Path, moved: int) -> None:
    write(tmp_path, some(5), rows_per_file=2)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / ".partial").mkdir()  # as killed after so many of its files
    for name in sorted(whole.keys() - {"manifest.json"})[moved:]:
        (tmp_path / name).rename(tmp_path / ".partial" / name)
    lost = [str(row) for row in TraceStore(tmp_path).survey() if isinstance(row, RowError)]
    assert len(lost) == 5 - 2 * moved and all("the file is missing" in one for one in lost)
    write(tmp_path, some(5), rows_per_file=2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole


def test_a_whole_set_beside_what_is_left_of_its_writing_is_not_replaced(tmp_path: Path) -> None:
    write(tmp_path, some(3))
    (tmp_path / ".partial").mkdir()
    with pytest.raises(ValueError, match="holds a data set already"):
        write(tmp_path, some(1))
    assert len(TraceStore(tmp_path)) == 3


def test_verifying_finds_every_kind_of_difference(tmp_path: Path) -> None:
    write(tmp_path, some(9), rows_per_file=3)
    assert list(verify(tmp_path)) == []
    flip(tmp_path / "traces-00000.parquet", 100)
    (tmp_path / "traces-00001.parquet").unlink()
    (tmp_path / "traces-00002.parquet").write_bytes(b"PAR1")
    (tmp_path / "extra.parquet").write_bytes(b"PAR1")
    problems = list(verify(tmp_path))
    for number, words in enumerate(("SHA-256", "is missing", "4 bytes", "not in the manifest")):
        assert words in problems[number]
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"no manifest\.json"):
        list(verify(tmp_path))


FORM = ShardFormat("numbers", "part", pyarrow.schema({"number": pyarrow.int64()}), rows_per_group=2)


def write_numbers(folder: Path, count: int) -> Manifest:
    with ShardWriter(folder, FORM, {"made": "here"}) as writer:
        for number in range(count):
            writer.write_row({"number": number}, ["odd"] if number % 2 else ["even", "half"])
            assert writer.num_rows == number + 1
        assert writer.modes.get("odd", 0) == count // 2
    manifest = Manifest.load(folder)
    assert manifest is not None
    return manifest


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    manifest = write_numbers(tmp_path / "a", 5)
    (entry,) = manifest.files
    assert (entry.name, entry.rows, entry.groups) == ("part-00000.parquet", 5, (2, 2, 1))
    assert entry.sha256 == file_hash(tmp_path / "a" / entry.name)
    assert manifest.rows == 5 and manifest.modes == {"even": 3, "half": 3, "odd": 2}
    (tmp_path / "b").mkdir()
    manifest.save(tmp_path / "b")
    assert Manifest.load(tmp_path / "b") == manifest
    assert Manifest.load(tmp_path) is None


def test_an_empty_data_set_is_one_too(tmp_path: Path) -> None:
    assert (write_numbers(tmp_path / "a", 0).files, list(verify(tmp_path / "a"))) == ((), [])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"rows": 3,\n   "groups"', '"rows": 4,\n   "groups"', "contradicts itself"),
        ('"version": 1', '"version": 2', "has version 2, expected 1"),
        ('"sha256"', '"sha512"', "is not the manifest of a data set"),
        ('"provenance"', '"origin"', "is not the manifest of a data set"),
        ('"rows": 3', '"rows": "3"', "expected a whole number of at least 0"),
        ('"rows": 3', '"rows": 3000000000', "rows 3000000000: expected a whole number of at least 0 and"),
        ('"num_bytes": ', '"num_bytes": 0.', "num_bytes 0"),
        ('"sha256": "', '"sha256": 7, "more": "', "is not the manifest of a data set"),
        ('"odd": 1', '"odd": null', "modes.odd None: expected a whole number"),
        ('"format"', "format", "is not valid JSON: "),
    ],
)
def test_a_manifest_that_is_none_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    write_numbers(tmp_path, 3)
    path = tmp_path / "manifest.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=told) as failure:
        Manifest.load(tmp_path)
    assert str(path) in str(failure.value)


def test_verifying_tells_of_each_file_as_it_is_done(tmp_path: Path) -> None:
    manifest, done = write_numbers(tmp_path, 3), []
    assert list(verify(tmp_path, done.append)) == [] and tuple(done) == manifest.files


def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is a file, expected a folder"):
        ShardWriter(tmp_path / "file", FORM).__enter__()
    with pytest.raises(ValueError, match="not JSON compliant"):
        ShardWriter(tmp_path / "new", FORM, {"share": float("nan")}).__enter__()
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="0 rows a group, 5 a file: expected at least 1"):
        replace(FORM, rows_per_group=0, rows_per_file=5)


def test_bytes_of_a_row_are_those_of_its_values() -> None:
    assert bytes_of({"a": "four", "b": [b"12", {"c": None}], "d": 1.5}) == 4 + 2 + 8 + 8
