import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from irg.core.files import (
    delete,
    fresh,
    inside,
    json_line,
    parse_json,
    put_in_place,
    read_json,
    read_lines,
    read_text,
    refuse_link,
    told_of,
    write_atomically,
)


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
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(tmp_path / "nowhere" / "file", "content")
    assert caught.value.filename == str(tmp_path / "nowhere" / "file")


def test_put_in_place_replaces_and_lets_everyone_read(tmp_path: Path) -> None:
    old, partial = tmp_path / "weights", tmp_path / ".weights.partial"
    old.write_text("old")
    partial.write_text("new")
    partial.chmod(0o600)
    put_in_place(partial, old)
    assert old.read_text() == "new" and not partial.exists()
    assert old.stat().st_mode & 0o777 == 0o644


def test_a_file_is_written_beside_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename from another file system would not be one step, and a hidden name is no reader's."""
    seen: list[Path] = []
    replace = os.replace

    def watched(source: str, target: Path) -> None:
        seen.append(Path(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    write_atomically(tmp_path / "file", "content")
    assert seen[0].parent == tmp_path and seen[0].name.startswith(".file.")


def test_deleting_what_is_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "file").touch()
    for name in ("folder", "file", "nothing"):
        delete(tmp_path / name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "told"),
    [("{", "is not valid JSON"), ("[1]", "expected a JSON object, got list"), ("3", "object, got int")],
)
def test_json_that_is_no_object_is_told(content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ValueError, match=rf"x\.json.*{told}"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"größe": 1}', encoding="utf-8")
    assert read_json(tmp_path / "x.json") == {"größe": 1}


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbf" + '{"größe": 1}'.encode())
    assert read_text(tmp_path / "x") == '{"größe": 1}' and read_json(tmp_path / "x") == {"größe": 1}
    (tmp_path / "x").write_bytes(b"gr\xf6\xdfe")
    with pytest.raises(ValueError, match="x is not UTF-8 text"):
        read_text(tmp_path / "x")


def test_only_ends_of_lines_end_a_line(tmp_path: Path) -> None:
    for content, lines in (
        ("", []),
        ("\n", [""]),
        ("a\r\nb", ["a", "b"]),
        ("a\u2028\x85\x0cb\n", ["a\u2028\x85\x0cb"]),
    ):
        (tmp_path / "x").write_bytes(content.encode())
        assert read_lines(tmp_path / "x") == lines
    line = json_line({"\u2028": "\udcff"})
    (tmp_path / "x").write_text(2 * line, encoding="utf-8")
    assert [json.loads(one) for one in read_lines(tmp_path / "x")] == 2 * [{"\u2028": "\udcff"}]


DEEP = ["[" * 100_000, "[" * 102 + "]" * 102, '{"a":' * 500 + "1" + "}" * 500]


@pytest.mark.parametrize(
    "text", [*DEEP, "[NaN]", "-Infinity", "1e999", "1" * 5000, '["\\ud83d"]', '{"\\uDC00": 1}', ""]
)
def test_json_that_nothing_could_be_made_of(text: str) -> None:
    with pytest.raises(ValueError, match="that file is not valid JSON"):
        parse_json(text, "that file")
    assert parse_json("[" * 100 + "]" * 100, "x")
    assert parse_json(r'["\ud83d\ude00"]', "x") == ["\U0001f600"]


def test_json_of_any_size_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"a": "' + "b" * 100 + '"}')
    with pytest.raises(ValueError, match="x is too long"):
        read_json(tmp_path / "x", most_bytes=99)


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "..\\x", "C:\\x", "", None, 3, "a\0b", "é" * 128]
)
def test_names_that_lead_out_of_a_folder(name: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lies outside|no name|is longer than"):
        inside(tmp_path, name)
    assert inside(tmp_path, "a/x..png") == tmp_path / "a" / "x..png"


def test_a_file_that_is_not_finished_takes_no_place_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), fresh(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before" and [one.name for one in tmp_path.iterdir()] == ["file"]
    with fresh(path) as partial:
        partial.write_text("after")
    assert path.read_text() == "after" and [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device", "what/is/read", None, "copy"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        ValueError("database or disk is full"),
    ],
)
def test_a_full_disk_is_that_of_what_is_written(failure: Exception) -> None:
    with pytest.raises(OSError) as caught, told_of(Path("out")):
        raise failure
    assert caught.value.filename == "out" and caught.value.errno in (errno.ENOSPC, errno.EDQUOT)


@pytest.mark.parametrize(
    "failure", [OSError(errno.EIO, "Input/output error", "in"), ValueError("no"), KeyError()]
)
def test_any_other_failure_stays_what_it_is(failure: Exception) -> None:
    with pytest.raises(type(failure)) as caught, told_of(Path("out")):
        raise failure
    assert caught.value is failure


FULL = """
import resource, sys
from pathlib import Path
from irg.core.output import replaced
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with replaced(Path(sys.argv[1]), "thing") as partial:
        (partial / "large").write_bytes(bytes(2000))
except OSError as full:
    print(full.filename, full.strerror)
"""


def test_nothing_is_left_where_there_was_no_room(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "out"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{tmp_path / 'out'} File too large\n" and not any(tmp_path.iterdir())


def test_a_link_may_lead_no_further_than_its_folder_or_that_of_the_file_that_names_it(tmp_path: Path) -> None:
    for folder in ("here", "store", "private"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_text("a")
    here = tmp_path / "here"
    for name, place in (("in", here), ("kept", tmp_path / "store"), ("out", tmp_path / "private")):
        (here / name).symlink_to(place / "a.png")
    (here / "round").symlink_to(here / "round")
    for name in ("a.png", "in", "kept", "round"):
        refuse_link(here / name, here, tmp_path / "store")
    with pytest.raises(ValueError, match="out is a link that leads out of its folder"):
        refuse_link(here / "out", here, tmp_path / "store")
