from pathlib import Path

import datasets
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from irg.data.foreign.row import ForeignRow
from irg.data.foreign.tables import ParquetTable, SavedTable
from irg.data.source import RowError
from tests.data.foreign.pictured import colour_of, encoded, save


def write(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def test_all_columns_of_all_parquet_files_are_read(tmp_path: Path) -> None:
    first = write(tmp_path / "a.parquet", [{"image": {"bytes": encoded("red"), "path": None}, "text": "a"}])
    second = write(tmp_path / "b.parquet", [{"picture": "c.jpg", "text": text} for text in "bc"])
    save(tmp_path / "c.jpg", "blue")
    table = ParquetTable([first, second], tmp_path)
    rows = [one for one in table if isinstance(one, ForeignRow)]
    assert len(table) == len(rows) == 3
    assert [(Path(one.place.file).name, one.place.row, one.values["text"]) for one in rows] == [
        ("a.parquet", 0, "a"),
        ("b.parquet", 0, "b"),
        ("b.parquet", 1, "c"),
    ]
    assert colour_of(rows[0].picture("image")) == "red" and colour_of(rows[2].picture("picture")) == "blue"


def test_a_broken_parquet_file_is_a_row_that_says_so(tmp_path: Path) -> None:
    good = write(tmp_path / "b.parquet", [{"text": "b"}])
    (tmp_path / "a.parquet").write_bytes(good.read_bytes()[:-20])
    broken, row = ParquetTable([tmp_path / "a.parquet", good])
    assert isinstance(broken, RowError) and broken.file.endswith("a.parquet")
    assert isinstance(row, ForeignRow)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Four rows in two files, with pictures as the `datasets` library keeps them."""
    columns = {"image": [Image.new("RGB", (8, 8), "green")] * 4, "text": list("abcd")}
    features = datasets.Features(image=datasets.Image(), text=datasets.Value("string"))
    datasets.Dataset.from_dict(columns, features).save_to_disk(tmp_path / "saved", num_shards=2)
    return tmp_path / "saved"


def test_what_save_to_disk_has_written_is_read(saved: Path) -> None:
    table = SavedTable(saved)
    rows = [one for one in table if isinstance(one, ForeignRow)]
    assert len(table) == 4 and [one.values["text"] for one in rows] == list("abcd")
    assert [colour_of(one.picture("image")) for one in rows] == ["green"] * 4


def test_a_damaged_file_ends_where_it_is_damaged(saved: Path) -> None:
    file = sorted(saved.glob("*.arrow"))[0]
    file.write_bytes(file.read_bytes()[:-400])
    found = list(SavedTable(saved))
    errors = [one for one in found if isinstance(one, RowError)]
    assert len(errors) == 1 and errors[0].file == str(file) and "all after it" in errors[0].detail
    assert [one.values["text"] for one in found if isinstance(one, ForeignRow)][-2:] == ["c", "d"]


def test_a_state_without_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(ValueError, match="names no data files"):
        SavedTable(tmp_path)
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "../x.arrow"}]}')
    with pytest.raises(ValueError, match="lies outside"):
        SavedTable(tmp_path)
