import os
import pickle
from copy import copy
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from irg.data.rows import ParquetRows, column_names
from irg.data.source import Fault, RowError
from irg.data.trace_rows import row_of, schema
from irg.data.traces import TraceStore
from tests.data.stored import FULL, facts, flip, reason_of, some, table_of, write


def test_a_damaged_group_takes_no_other_row_with_it(tmp_path: Path) -> None:
    store = write(tmp_path, some(9), rows_per_group=3)
    path = tmp_path / "traces-00000.parquet"
    columns = parquet.read_metadata(path).row_group(1)
    images = next(
        columns.column(number)
        for number in range(columns.num_columns)
        if columns.column(number).path_in_schema.startswith("turns.list.element.image.bytes")
    )
    flip(path, images.data_page_offset + images.total_compressed_size // 2)
    assert [reason_of(store, index) for index in range(9)] == [None] * 3 + [Fault.UNREADABLE] * 3 + [None] * 3
    assert not any(isinstance(row, RowError) for row in store.survey())  # it reads no images


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_file_that_cannot_be_read_takes_no_other_file_with_it(tmp_path: Path, with_manifest: bool) -> None:
    write(tmp_path, some(9), rows_per_file=3)
    path = tmp_path / "traces-00001.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    if not with_manifest:
        (tmp_path / "manifest.json").unlink()
    store, lost = TraceStore(tmp_path), 3 if with_manifest else 1
    expected = [None] * 3 + [Fault.UNREADABLE] * lost + [None] * 3
    assert [reason_of(store, index) for index in range(len(store))] == expected
    surveyed = [row.reason if isinstance(row, RowError) else None for row in store.survey()]
    assert surveyed == expected
    with pytest.raises(RowError, match=r"traces-00001\.parquet, row 0: unreadable file"):
        store.read(3)


def test_files_without_a_manifest_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number, one in enumerate(some(3)):
        table_of(tmp_path / f"sub{2 - number}" / "part.parquet", [row_of(one)])
    table_of(tmp_path / ".hidden" / "part.parquet", [row_of(FULL)])
    store = TraceStore(tmp_path)
    assert [store.read(index).id for index in range(3)] == ["id2", "id1", "id0"] and len(store) == 3
    assert store.place(1) == (str(tmp_path / "sub1" / "part.parquet"), 0)


def test_a_store_can_be_sent_to_another_process(tmp_path: Path) -> None:
    store = write(tmp_path, some(6), rows_per_group=2)
    before = len(pickle.dumps(store))
    expected = [facts(store.read(index)) for index in range(6)]
    sent = pickle.dumps(store)
    assert len(sent) < before + 2000  # no rows travel along
    received = pickle.loads(sent)
    assert [facts(received.read(index)) for index in range(6)] == expected
    assert received.fingerprint == store.fingerprint


def test_the_fingerprint_tells_other_rows(tmp_path: Path) -> None:
    one, same, other = (write(tmp_path / name, some(n)) for name, n in (("a", 3), ("b", 3), ("c", 4)))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    with_times = numbers(tmp_path / "n.parquet", 2, 3)
    before = with_times.fingerprint
    (tmp_path / "n.parquet").rename(tmp_path / "m.parquet")
    os.utime(tmp_path / "m.parquet", (1, 1))
    assert ParquetRows(tmp_path / "m.parquet", ("number",)).fingerprint == before
    assert numbers(tmp_path / "n.parquet", 3, 2).fingerprint != before


def test_text_that_is_no_unicode_is_of_the_wrong_type(tmp_path: Path) -> None:
    raw = pyarrow.array([b"good", b"\xff\xfe"], pyarrow.binary()).view(pyarrow.string())
    table = pyarrow.Table.from_pylist([row_of(one) for one in some(2)], schema=schema())
    table = table.set_column(table.schema.get_field_index("prompt"), "prompt", raw)
    parquet.write_table(table, tmp_path / "one.parquet")
    store = TraceStore(tmp_path / "one.parquet")
    assert [reason_of(store, index) for index in (0, 1)] == [None, Fault.WRONG_TYPE]


def numbers(path: Path, *counts: int) -> ParquetRows:
    """A file whose groups have so many rows, which count on from one to the next."""
    first, groups = 0, []
    for count in counts:
        groups.append(
            pyarrow.table({"number": range(first, first + count), "deep": [{"a": 1, "b": "x"}] * count})
        )
        first += count
    with parquet.ParquetWriter(path, groups[0].schema) as writer:
        for group in groups:
            writer.write_table(group)
    return ParquetRows(path, ("number", "deep"))


def test_every_row_is_found_by_its_index_in_whatever_order(tmp_path: Path) -> None:
    rows = numbers(tmp_path / "n.parquet", 2, 3, 1)
    assert len(rows) == 6 and [group.rows for group in rows.groups] == [2, 3, 1]
    for index in (5, 0, 2, 4, 1, 3):
        place, values = rows.row(index)
        assert place == rows.place(index) == (str(tmp_path / "n.parquet"), index)
        assert values == {"number": index, "deep": {"a": 1, "b": "x"}}
    for index in (-1, 6):
        with pytest.raises(IndexError, match=f"row {index} of 6 in "):
            rows.row(index)


def test_a_scan_reads_the_wanted_leaves_alone(tmp_path: Path) -> None:
    rows = numbers(tmp_path / "n.parquet", 100, 2)
    assert [values for _, values in rows.scan()] == [rows.row(index)[1] for index in range(102)]
    assert [values for _, values in rows.scan(lambda leaf: leaf == "deep.a")] == [{"deep": {"a": 1}}] * 102
    nothing = list(rows.scan(lambda leaf: False))
    assert nothing == [(rows.place(index), {}) for index in range(102)], "the rows are there all the same"


@pytest.mark.parametrize(("limit", "kept"), [(1 << 20, [0, 1, 2]), (0, [1, 2])])
def test_only_so_many_bytes_of_groups_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, kept: list[int]
) -> None:
    """And the newest two in any case. What is kept is seen when the file is gone."""
    monkeypatch.setattr("irg.data.rows._CACHE_BYTES", limit)
    rows = numbers(tmp_path / "n.parquet", 4, 4, 4)
    for index in (0, 4, 8):
        rows.row(index)
    (tmp_path / "n.parquet").unlink()
    assert [group for group in range(3) if is_readable(rows, 4 * group + 3)] == kept
    assert not any(is_readable(copy(rows), index) for index in range(12)), "a copy begins with none"


def is_readable(rows: ParquetRows, index: int) -> bool:
    try:
        return rows.row(index)[1]["number"] == index
    except FileNotFoundError:  # no row's fault
        return False


def test_a_file_that_was_replaced_is_no_bad_row(tmp_path: Path) -> None:
    rows = numbers(tmp_path / "n.parquet", 2, 3)
    numbers(tmp_path / "n.parquet", 2, 1)
    assert rows.row(1)[1]["number"] == 1
    with pytest.raises(OSError, match=r"n\.parquet has [\d,]+ bytes, and had .*: it was replaced$"):
        rows.row(2)


def test_column_names_are_those_of_the_files_that_can_be_read(tmp_path: Path) -> None:
    numbers(tmp_path / "b.parquet", 1)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    assert list(column_names(tmp_path)) == [{"number", "deep"}]
    with pytest.raises(ValueError, match="no such file or folder"):
        list(column_names(tmp_path / "nowhere"))
