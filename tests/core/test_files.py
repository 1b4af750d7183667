from pathlib import Path

import pytest

from irg.core.files import put_in_place, write_atomically


@pytest.mark.parametrize("content", ["für alle\n", b"\x00\xff"])
def test_content_replaces_what_was_there(content: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a longer content that was there before")
    write_atomically(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError):
        write_atomically(target, "content")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "file", "content")


def test_put_in_place_replaces_and_lets_everyone_read(tmp_path: Path) -> None:
    old, partial = tmp_path / "weights", tmp_path / ".weights.partial"
    old.write_text("old")
    partial.write_text("new")
    partial.chmod(0o600)
    put_in_place(partial, old)
    assert old.read_text() == "new" and not partial.exists()
    assert old.stat().st_mode & 0o777 == 0o644
