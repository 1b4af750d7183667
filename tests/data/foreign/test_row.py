import base64
from dataclasses import replace
from pathlib import Path

import pytest

from irg.data.foreign import row as rows
from irg.data.source import Fault, RowError
from tests.data.foreign.pictured import colour_of, encoded, row, save

JPEG = encoded("green")


def test_a_picture_is_read_however_it_is_kept(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.jpg", "green")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "in" / "a.jpg")
    kept = (
        JPEG,
        {"bytes": JPEG, "path": "nowhere.jpg"},
        {"bytes": None, "path": "in/a.jpg"},
        "in/a.jpg",
        str(tmp_path / "in" / "a.jpg"),
        "link.jpg",
        "data:image/jpeg;base64," + base64.b64encode(JPEG).decode(),
    )
    assert [colour_of(row(tmp_path, image=one).picture("image")) for one in kept] == ["green"] * len(kept)


def test_no_link_of_a_picture_is_followed_out_of_its_folder(tmp_path: Path) -> None:
    save(tmp_path / "private" / "a.jpg", "green")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link.jpg").symlink_to(tmp_path / "private" / "a.jpg")
    with pytest.raises(RowError, match="is a link that leads out of its folder"):
        row(tmp_path / "set", image="link.jpg").picture("image")
    # As the hub's cache keeps a list and its pictures.
    cached = replace(row(tmp_path / "set", image="link.jpg"), file=tmp_path / "private" / "list.jsonl")
    assert colour_of(cached.picture("image")) == "green"


def test_a_picture_is_turned_as_it_is_meant_to_be_seen() -> None:
    turned = row(image=encoded(size=(48, 32), orientation=6)).picture("image")
    assert turned.size == (32, 48)


@pytest.mark.parametrize(
    ("kept", "reason", "said"),
    [
        ("../secret.jpg", Fault.UNREADABLE, "'../secret.jpg' lies outside of this folder"),
        ("/etc/passwd", Fault.UNREADABLE, "'/etc/passwd' lies outside of this folder"),
        ("gone.jpg", Fault.UNREADABLE, "gone.jpg cannot be read: no such file"),
        ("https://x.org/a.jpg", Fault.UNREADABLE, "nothing is fetched"),
        ("data:image/png,abc", Fault.BROKEN_IMAGE, "expected base64"),
        ("data:image/png;base64,a!", Fault.BROKEN_IMAGE, "is not base64"),
        (JPEG[:100], Fault.BROKEN_IMAGE, "image"),
        (b"", Fault.EMPTY_IMAGE, "has no bytes"),
        (None, Fault.MISSING_COLUMN, "image is missing"),
        (7, Fault.WRONG_TYPE, "image is 7, expected a picture"),
    ],
)
def test_what_is_no_picture_is_told(tmp_path: Path, kept: object, reason: Fault, said: str) -> None:
    with pytest.raises(RowError, match=r"set, row 3") as refused:
        row(tmp_path, image=kept).picture("image")
    assert refused.value.reason is reason and said in refused.value.detail


def test_a_name_without_a_folder_and_a_file_beyond_all_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RowError, match="no folder is known"):
        row(image="a.jpg").picture("image")
    save(tmp_path / "a.jpg")
    monkeypatch.setattr(rows, "MOST_BYTES", 100)
    with pytest.raises(RowError, match=r"a\.jpg has more than 100 bytes"):
        row(tmp_path, image="a.jpg").picture("image")
