"""Output folders: the one rule of what a command may write into, and of what it may replace.

A folder that is missing or empty is taken, and gets a marker that says what kind of thing is made in it. Any
other is taken only if its marker says that the same kind of thing was made there. What is replaced as a whole
(`replaced`) holds nothing, beyond that, but the files that the marker names.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from irg.core.digest import digest_of
from irg.core.files import delete, read_json, told_of

MARKER = ".irg.json"
_RENEWED = f"{MARKER}.new"
_held: set[int] = set()
"""The descriptors of the files that this process holds."""


def distinct(name: str, *content: object) -> str:
    """The name for what is made of this content: other content, another name."""
    return f"{name}-{digest_of(*content)[:8]}"


def located(path: Path) -> Path:
    """The path in full: without `~`, `.` and `..`; the last name may be a symbolic link."""
    path = path.expanduser()
    if path.name in ("", ".."):
        return path.resolve()
    return path.parent.resolve() / path.name


def made_in(folder: Path) -> str | None:
    """The kind of thing that is made in a folder, if its marker tells."""
    marked = _marked(folder)
    return None if marked is None else marked["kind"]


def refuse_foreign(path: Path, kind: str) -> None:
    """Raises ValueError where a `kind` may not be made in the folder."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file, expected a folder to write into")
    marked = _marked(path)
    if marked is None and (there := _names(path)):
        raise ValueError(f"{path} holds {there[0]!r} and no {kind} that irg made: choose another folder")
    if marked is not None and marked["kind"] != kind:
        raise ValueError(f"{path} holds a {marked['kind']}, not a {kind}: choose another folder")


def refuse_to_replace(path: Path, kind: str, keep: Iterable[Path] = ()) -> None:
    """Raises ValueError where the folder may not be replaced by another `kind`; never if it is or holds
    one of those to `keep`."""
    path = located(path)
    if path.is_symlink():
        raise ValueError(f"{path} is a symbolic link, which is not replaced: name the folder itself")
    for other in (one.expanduser().resolve() for one in keep):
        if path == other or path in other.parents:
            raise ValueError(f"{path} would replace what is read, {other}: choose another folder")
    refuse_foreign(path, kind)
    if (marked := _marked(path)) is not None:
        listed: Mapping[str, int] = marked.get("files", {})
        foreign = [name for name, size in _files(path).items() if listed.get(name) != size]
        if foreign:
            raise ValueError(
                f"{path} holds {foreign[0]!r}, which irg did not write: it is not replaced; choose another "
                "folder, or take that out"
            )


def refuse_inside(path: Path, source: Path) -> None:
    """Raises ValueError for an output that lies in the folder which is read, or is it: what is written there
    would be read the next time."""
    if source.is_dir() and located(path).is_relative_to(source.expanduser().resolve()):
        raise ValueError(f"{path} lies in what is read, {source}: choose a folder outside of it")


@contextmanager
def locked(file: Path) -> Iterator[int]:
    """Holds a file, made if need be, for the length of the block; gives its descriptor.

    Raises ValueError when another process, or another part of this one, holds it. It is let go when this
    process ends, whatever becomes of its workers.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    _held.add(handle)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another run is at work in {file.parent}: expected one at a time") from None
        if not file.exists() or not os.path.samestat(os.fstat(handle), file.stat()):
            raise ValueError(f"another run was at work in {file.parent}: expected one at a time")
        yield handle
    finally:
        if handle in _held:
            _held.remove(handle)
            fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)


def emptied(folder: Path) -> Path:
    """The folder with nothing in it but its marker."""
    for name in _names(folder):
        delete(folder / name)
    return folder


def _let_go() -> None:
    """In a forked worker, which may outlive the process that holds the files."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def working(folder: Path, kind: str, vouched: bool = False) -> Iterator[Path]:
    """A folder for a `kind`, ours alone for the length of the block; what is in it of an earlier run stays.

    Raises ValueError where the folder holds anything else, unless it is `vouched` for (earlier versions left
    no markers), or another run is at work in it. A folder to which nothing was written is left as it was.
    """
    folder = folder.expanduser().resolve()
    vouched = vouched and _marked(folder) is None
    if not vouched:
        refuse_foreign(folder, kind)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / MARKER) as handle:
            if not vouched:
                refuse_foreign(folder, kind)
            if _marked(folder) is None:
                _mark(handle, kind)
            try:
                with told_of(folder):
                    yield folder
            finally:
                if not _names(folder):
                    (folder / MARKER).unlink()
    finally:
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


@contextmanager
def replaced(path: Path, kind: str, keep: Iterable[Path] = ()) -> Iterator[Path]:
    """A new folder to be filled in the block, which ends up at `path` once it is whole.

    Nothing is left of it after a failure. Raises ValueError where `refuse_to_replace` does.
    """
    path = located(path)
    refuse_to_replace(path, kind, keep)
    partial, earlier = (path.with_name(f".{path.name}.{end}") for end in ("partial", "replaced"))
    for one in (partial, earlier):
        refuse_foreign(one, kind)
    partial.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        handle = held.enter_context(locked(partial / MARKER))
        try:
            if _marked(partial) is None:
                _mark(handle, kind)
            emptied(partial)  # what a killed process left
            if earlier.exists() and not path.exists():
                earlier.rename(path)
            _remove(earlier)
            with told_of(path):
                yield partial
                files = _files(partial)
                # A marker is whole at any moment: this one takes the place of the first, and is held like it.
                renewed = held.enter_context(locked(partial / _RENEWED))
                _mark(renewed, kind, files)
                (partial / _RENEWED).replace(partial / MARKER)
            refuse_to_replace(path, kind, keep)
            if path.exists():
                path.rename(earlier)
            partial.rename(path)
        except BaseException:
            _remove(partial)
            if earlier.exists() and not path.exists():
                earlier.rename(path)
            raise
        _remove(earlier)


def _remove(folder: Path) -> None:
    """Delete a folder of ours, its marker last: one that is half deleted is still ours."""
    if folder.is_dir():
        emptied(folder)
        delete(folder)


def _mark(handle: int, kind: str, files: Mapping[str, int] | None = None) -> None:
    content = {"kind": kind} | ({} if files is None else {"files": files})
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(content, indent=1).encode() + b"\n", 0)


def _marked(folder: Path) -> dict[str, Any] | None:
    """What the marker says; None where there is none, or a process was killed before it wrote anything."""
    path = folder / MARKER
    if not path.is_file() or path.stat().st_size == 0:
        return None
    content = read_json(path)
    files = content.get("files", {})
    if not isinstance(content.get("kind"), str) or not isinstance(files, dict):
        raise ValueError(f"{path} is no marker of irg: choose another folder")
    return content


def _names(folder: Path) -> list[str]:
    """What is in a folder, but for the marker."""
    return sorted({path.name for path in folder.iterdir()} - {MARKER}) if folder.is_dir() else []


def _files(folder: Path) -> dict[str, int]:
    """The sizes of all files in a folder but for the marker; links and empty folders count as files."""
    found = {
        path.relative_to(folder).as_posix(): path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir() or not any(path.iterdir())
    }
    found.pop(MARKER, None)
    return dict(sorted(found.items()))
