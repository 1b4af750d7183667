"""The one rule of output folders: what is taken, what is replaced, what is refused."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from types import FrameType

import pytest

from irg.core.output import (
    MARKER,
    distinct,
    located,
    locked,
    refuse_inside,
    refuse_to_replace,
    replaced,
    working,
)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }


def make(folder: Path, content: str = "one", kind: str = "thing") -> None:
    with replaced(folder, kind) as partial:
        (partial / "inner").mkdir()
        (partial / "inner" / "a.txt").write_text(content)


def test_what_is_missing_or_empty_is_taken_and_what_we_made_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "new" / "deep"):
        make(place)
        make(place, "two")
        assert tree(place) == {"inner/a.txt": b"two"}
        assert [path.name for path in place.parent.iterdir() if path.name.startswith(".")] == []


def note(folder: Path) -> None:
    (folder / "inner" / "thesis.txt").write_text("irreplaceable")


def change(folder: Path) -> None:
    (folder / "inner" / "a.txt").write_text("a longer one")


def link(folder: Path) -> None:
    (folder / "link").symlink_to("/nowhere")


def empty_folder(folder: Path) -> None:
    (folder / "kept").mkdir()


def forget(folder: Path) -> None:
    (folder / MARKER).unlink()


def another(folder: Path) -> None:
    (folder / MARKER).write_text('{"kind": "other thing"}')


def not_ours(folder: Path) -> None:
    (folder / MARKER).write_text('{"kind": 5}')


@pytest.mark.parametrize("spoil", [note, change, link, empty_folder, forget, another, not_ours])
def test_what_holds_anything_else_is_refused_and_stays(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    folder = tmp_path / "made"
    make(folder)
    spoil(folder)
    before = tree(folder)
    with pytest.raises(ValueError, match=str(folder)), replaced(folder, "thing"):
        pytest.fail("refused before any work")
    assert tree(folder) == before and len(list(tmp_path.iterdir())) == 1


def test_what_comes_while_we_work_stays_too(tmp_path: Path) -> None:
    make(tmp_path / "made")
    with pytest.raises(ValueError, match=r"thesis\.txt"), replaced(tmp_path / "made", "thing"):
        note(tmp_path / "made")
    assert set(tree(tmp_path)) == {"made/inner/a.txt", "made/inner/thesis.txt"}


def test_links_files_and_what_is_read_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "made")
    (tmp_path / "link").symlink_to(tmp_path / "made")
    (tmp_path / "file").touch()
    for name, keep, said in (
        ("link", (), "symbolic link"),
        ("file", (), "is a file"),
        ("made", (tmp_path / "link",), "what is read"),
        ("made", (tmp_path / "made" / "inner",), "what is read"),
    ):
        with pytest.raises(ValueError, match=said):
            refuse_to_replace(tmp_path / name, "thing", keep)
    assert tree(tmp_path / "made") == {"inner/a.txt": b"one"}


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    make(tmp_path / "made")
    for folder in (tmp_path / "made", tmp_path / "new"):
        with pytest.raises(OSError, match="full"), replaced(folder, "thing") as partial:
            (partial / "b.txt").touch()
            raise OSError("full")
    assert tree(tmp_path) == {"made/inner/a.txt": b"one"} and len(list(tmp_path.iterdir())) == 1


def test_the_folder_that_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert located(Path(".")) == located(Path("~/here")) == located(Path("../here")) == tmp_path / "here"
    with working(Path("~/there"), "run") as folder:
        assert folder == tmp_path / "there"
    with working(Path("."), "run") as folder:
        assert folder == tmp_path / "here"


def hold(folder: Path, at_work: Callable, ready: Event) -> None:
    """With a worker that outlives this process."""
    with at_work(folder, "run") as place:
        its, ours = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.write(ours, b".")
            signal.pause()
        os.read(its, 1)
        (place / "a.txt").touch()
        (folder.parent / "worker").write_text(str(worker))
        ready.set()
        signal.pause()


@pytest.mark.parametrize("at_work", [working, replaced])
def test_one_at_a_time_and_a_killed_one_is_no_hindrance(tmp_path: Path, at_work: Callable) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    other = context.Process(target=hold, args=(tmp_path / "out", at_work, ready))
    other.start()
    try:
        assert ready.wait(60)
        with pytest.raises(ValueError, match="another run is at work"), at_work(tmp_path / "out", "run"):
            pytest.fail("refused before any work")
    finally:
        assert other.pid is not None
        os.kill(other.pid, signal.SIGKILL)
        other.join()
    try:
        with at_work(tmp_path / "out", "run") as place:
            (place / "b.txt").touch()
    finally:
        os.kill(int((tmp_path / "worker").read_text()), signal.SIGKILL)
        (tmp_path / "worker").unlink()
    assert ("a.txt" in tree(tmp_path / "out")) is (at_work is working)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def ends_at(line: int, folder: Path, at_work: Callable) -> bool:
    """Make something in a process that dies, without a word, before the so-manieth line of the rule's own.

    False where it comes to its end before that.
    """
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = line

    def trace(frame: FrameType, event: str, _: object) -> Callable | None:
        nonlocal left
        if not frame.f_code.co_filename.endswith(("core/output.py", "shutil.py", "contextlib.py")):
            return None
        left -= event == "line"
        if left < 0:
            os._exit(9)
        return trace

    sys.settrace(trace)
    try:
        with at_work(folder, "thing") as place:
            (place / "inner").mkdir(exist_ok=True)
            (place / "inner" / "a.txt").write_text("two")
    finally:
        os._exit(0)


@pytest.mark.parametrize("at_work", [working, replaced])
def test_killed_at_any_moment_it_is_whole_and_can_be_made_again(tmp_path: Path, at_work: Callable) -> None:
    lines = 0
    make(tmp_path / "made")
    while ends_at(lines, tmp_path / "made", at_work):
        before = tree(tmp_path / "made") if (tmp_path / "made").exists() else None
        assert before in (None, {"inner/a.txt": b"one"}, {"inner/a.txt": b"two"}, {"inner/a.txt": b""})
        with at_work(tmp_path / "made", "thing") as place:
            (place / "inner").mkdir(exist_ok=True)
            (place / "inner" / "a.txt").write_text("one")
        assert tree(tmp_path) == {"made/inner/a.txt": b"one"}
        lines += 1
    assert lines > 30


def test_killed_between_two_names_the_earlier_one_comes_back(tmp_path: Path) -> None:
    make(tmp_path / "made")
    (tmp_path / "made").rename(tmp_path / ".made.replaced")
    with pytest.raises(OSError, match="full"), replaced(tmp_path / "made", "thing"):
        raise OSError("full")
    assert tree(tmp_path) == {"made/inner/a.txt": b"one"}


def test_a_run_goes_on_in_its_folder_and_in_no_other(tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "metrics.jsonl").write_text("mine")
    with pytest.raises(ValueError, match=r"holds 'metrics\.jsonl'"), working(tmp_path / "foreign", "run"):
        pytest.fail("refused before any work")
    assert tree(tmp_path) == {"foreign/metrics.jsonl": b"mine"}
    with working(tmp_path / "foreign", "run", vouched=True):
        pass
    for _ in range(2):
        with working(tmp_path / "ours", "run") as folder:
            (folder / "a.txt").touch()
    with pytest.raises(ValueError, match="holds a run, not a set"), working(tmp_path / "ours", "set"):
        pytest.fail("refused before any work")


def test_a_folder_to_which_nothing_was_written_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a" / "b"):
        with pytest.raises(OSError, match="gone"), working(folder, "run"):
            raise OSError("gone")
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"]


def test_a_lock_is_let_go(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "lock"), pytest.raises(ValueError), locked(tmp_path / "lock"):
            pytest.fail("held twice")


def test_other_content_has_another_name() -> None:
    assert distinct("a", 1) == distinct("a", 1) != distinct("a", 2)
    assert distinct("a", 1).startswith("a-")


def test_nothing_is_written_into_what_is_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "link").symlink_to(source)
    for inside in (source, source / "out", tmp_path / "link" / "out", source / "a" / ".." / "out"):
        with pytest.raises(ValueError, match="lies in what is read"):
            refuse_inside(inside, source)
    refuse_inside(tmp_path / "source2", source)
    refuse_inside(tmp_path, source)
    refuse_inside(tmp_path / "x", tmp_path / "nowhere")
