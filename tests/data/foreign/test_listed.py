import json
from pathlib import Path

import pytest

from irg.data.foreign.listed import CaptionedPictures, ChainedRows, ListedRows, lists_in
from irg.data.foreign.row import ForeignRow
from irg.data.source import Fault, RowError
from tests.data.foreign.pictured import colour_of, save


def good(rows: CaptionedPictures | ListedRows | ChainedRows) -> list[ForeignRow]:
    return [one for one in rows if isinstance(one, ForeignRow)]


def bad(rows: CaptionedPictures | ListedRows) -> dict[str, tuple[Fault, str]]:
    return {Path(one.file).name: (one.reason, one.detail) for one in rows if isinstance(one, RowError)}


def test_captions_beside_pictures(tmp_path: Path) -> None:
    for name, ending in (("b/cat.JPG", ".txt"), ("a.png", ".caption"), ("b/dog.jpeg", ".TXT")):
        file = save(tmp_path / name, "blue")
        file.with_suffix(ending).write_text(f"\ufeff {file.stem} in blue\n")
    rows = CaptionedPictures(tmp_path)
    assert rows.has_captions and len(rows) == 3
    assert [(one.values["image"], one.values["text"]) for one in good(rows)] == [
        ("a.png", "a in blue"),
        ("b/cat.JPG", "cat in blue"),
        ("b/dog.jpeg", "dog in blue"),
    ]
    assert {colour_of(one.picture("image")) for one in good(rows)} == {"blue"}


def test_what_is_not_paired_is_counted_and_hidden_files_are_not(tmp_path: Path) -> None:
    save(tmp_path / "alone.jpg")
    save(tmp_path / "phone.heic").with_suffix(".txt").write_text("a photo")
    save(tmp_path / "latin.jpg").with_suffix(".txt").write_bytes(b"caf\xe9")
    (tmp_path / "text.txt").write_text("a text")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "gone.txt").write_text("a link that leads nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    save(tmp_path / "._alone.jpg")
    save(tmp_path / ".trash" / "old.jpg")
    (tmp_path / "notes.pdf").write_text("no picture")
    rows = CaptionedPictures(tmp_path)
    found = bad(rows)
    assert found["alone.jpg"] == (
        Fault.MISSING_COLUMN,
        "there is no caption beside it: expected alone.txt or alone.caption",
    )
    assert found["latin.jpg"][0] is Fault.UNREADABLE and "UTF-8" in found["latin.jpg"][1]
    assert found["text.txt"] == (Fault.MISSING_COLUMN, "there is no picture beside this text")
    assert found["loop"] == (Fault.UNREADABLE, "a link to a folder is not followed")
    assert {*found} == {"alone.jpg", "latin.jpg", "text.txt", "loop"}
    assert [one.values["image"] for one in good(rows)] == ["gone.jpg", "phone.heic"]
    assert len(rows) == len(list(rows)) == 6
    with pytest.raises(RowError, match="no such file"):
        good(rows)[0].picture("image")


def test_metadata_names_pictures_and_what_it_does_not_name_is_counted(tmp_path: Path) -> None:
    for name in ("a.jpg", "sub/b.jpg", "c.jpg", "other.jpg"):
        save(tmp_path / name, "green")
    lines = [{"file_name": "a.jpg", "text": "a"}, {"file_name": "./sub/b.jpg", "source_file_name": "c.jpg"}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    (path,) = lists_in(tmp_path)
    rows = ListedRows(path, complete=True)
    first, second = good(rows)
    assert first.values["image"] == "a.jpg" and colour_of(first.picture("image")) == "green"
    assert second.values["source"] == "c.jpg" and colour_of(second.picture("source")) == "green"
    assert bad(rows) == {"other.jpg": (Fault.MISSING_COLUMN, "metadata.jsonl does not name it")}
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", '\ufefffile_name,text\nx.jpg,"a, b"\ny.jpg,\n'),
        ("a.csv", 'file_name;text\r\nx.jpg;"a, b"\r\ny.jpg;\r\n'),
        ("a.tsv", "file_name\ttext\nx.jpg\ta, b\ny.jpg\t\n"),
        ("a.jsonl", '{"file_name": "x.jpg", "text": "a, b"}\n{"file_name": "y.jpg", "text": null}\n'),
        ("a.json", '[{"file_name": "x.jpg", "text": "a, b"}, {"file_name": "y.jpg", "text": null}]'),
    ],
)
def test_lists_of_every_format_say_the_same(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    rows = ListedRows(tmp_path / name, tmp_path / "pictures")
    assert [(one.values["image"], one.values["text"]) for one in good(rows)] == [
        ("x.jpg", "a, b"),
        ("y.jpg", None),
    ]
    assert [(one.folder, one.place.row) for one in good(rows)] == [(tmp_path / "pictures", n) for n in (0, 1)]
    assert len(rows) == 2


def test_a_broken_line_costs_itself_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "a"}\n{"text": \n[1]\n{"text": "\xe9"}\n{"n": NaN}\n{"text": "b"}\n')
    rows = list(ListedRows(file))
    assert [one.reason if isinstance(one, RowError) else one.values["text"] for one in rows] == [
        "a",
        Fault.BAD_JSON,
        Fault.WRONG_TYPE,
        Fault.BAD_JSON,
        Fault.NOT_A_NUMBER,
        "b",
    ]
    assert [one.row if isinstance(one, RowError) else one.place.row for one in rows] == [*range(6)]


def test_a_table_with_too_many_values_or_of_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file_name,text\na.jpg,one,two\nb.jpg,b\n")
    error, row = ListedRows(tmp_path / "a.csv")
    assert isinstance(error, RowError) and "more values" in error.detail and isinstance(row, ForeignRow)
    (tmp_path / "b.csv").write_bytes(b"file_name,text\na.jpg,caf\xe9\n")
    (error,) = ListedRows(tmp_path / "b.csv")
    assert isinstance(error, RowError) and error.reason is Fault.UNREADABLE


def test_which_lists_a_folder_has(tmp_path: Path) -> None:
    (tmp_path / "info.json").write_text('{"license": "CC0"}')
    assert lists_in(tmp_path) == []
    (tmp_path / "items.json").write_text(" [{}]")
    (tmp_path / "captions.csv").write_text("a\n")
    assert [file.name for file in lists_in(tmp_path)] == ["captions.csv", "items.json"]
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "metadata.csv").write_text("file_name,text\n")
    found = lists_in(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in found] == [
        "test/metadata.csv",
        "train/metadata.csv",
    ]
    assert len(ChainedRows([ListedRows(file) for file in found])) == 0


def test_a_json_file_that_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match="holds dict, expected a list"):
        list(ListedRows(tmp_path / "a.json"))
