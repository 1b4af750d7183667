"""The official files of a benchmark: where they are on this machine, and fetching them. None comes with irg.

They lie in a folder for each benchmark: in IRG_BENCH_SOURCES, or in the user's cache. Whatever is not what
the protocol was checked against is refused, unless that is what is asked for, and then named in every result.
A file whose hash is not known, or not all of it, has the one of its first fetch, which is kept beside it.
"""

import hashlib
import json
import os
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from http.client import HTTPException
from pathlib import Path
from shutil import copyfileobj

from irg.bench.protocol import Benchmark, OfficialFile
from irg.core.files import inside, put_in_place, read_json, write_atomically

VARIABLE, PINS = "IRG_BENCH_SOURCES", "first-fetch.json"
_HUB = re.compile(r"hf://datasets/(?P<name>[^/@]+/[^/@]+)@(?P<revision>[^/]+)/(?P<path>.+)")
_SECONDS = 60
_CHUNK = 1 << 20


class HashCheck(StrEnum):
    """What the hash of a file was compared with."""

    KNOWN = "hash checked"
    AS_BEFORE = "hash as when it was first fetched"
    PINNED = "its hash was not known, and holds from now on"


@dataclass(frozen=True)
class OfficialFiles:
    """The folder of a benchmark's files, their sha256 by path, and which are not the official ones."""

    folder: Path
    hashes: dict[str, str]
    modified: tuple[str, ...]


def folder_of(benchmark: Benchmark, given: Path | None = None) -> Path:
    """Where its files are: in the folder that was given, or in one named after it."""
    if given is not None:
        return given
    base = os.environ.get(VARIABLE)
    root = Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "irg" / "bench"
    return root.expanduser() / benchmark.name


def official_files(benchmark: Benchmark, folder: Path, allow_modified: bool = False) -> OfficialFiles:
    """Raises ValueError for files that are missing, and for modified ones unless they are allowed."""
    benchmark = _with_pins(benchmark, folder)
    if missing := [one.path for one in benchmark.sources if not (folder / one.path).is_file()]:
        raise ValueError(
            f"{folder} lacks {', '.join(missing)} of {benchmark.name}: get it with irg bench download "
            f"{benchmark.name}, or name a folder that has it with --sources or {VARIABLE}"
        )
    hashes = {one.path: _hash(folder / one.path) for one in benchmark.sources}
    modified = tuple(one.path for one in benchmark.sources if not one.fits(hashes[one.path]))
    if modified and not allow_modified:
        wanted = {one.path: one.sha256 for one in benchmark.sources}
        told = "; ".join(
            f"{path} is {hashes[path][:12]}, not {(wanted[path] or '')[:12]}" for path in modified
        )
        raise ValueError(
            f"{folder} holds other data than {benchmark.name} is known by ({told}): results would be of "
            "another benchmark; --allow-modified-data takes it all the same, and says so in every result"
        )
    return OfficialFiles(folder, hashes, modified)


def download(
    benchmark: Benchmark,
    folder: Path,
    told: Callable[[OfficialFile, bool, HashCheck], None] | None = None,
) -> None:
    """Fetch the files that are not there yet, and tell of each whether it was fetched and how it was checked.
    Each is put in place when it is whole and what it should be. Raises ValueError for one that is not."""
    for one, known in zip(_with_pins(benchmark, folder).sources, benchmark.sources, strict=True):
        path = inside(folder, one.path)
        is_there = path.is_file() and one.fits(_hash(path))
        if not is_there:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            try:
                _fetch(one.address, partial)
                if not one.fits(found := _hash(partial)):
                    since = "" if known.is_pinned else f" since {folder / PINS} was written"
                    raise ValueError(
                        f"{one.address} is {found}, expected {one.sha256}: it was changed there{since}"
                    )
                put_in_place(partial, path)
            finally:
                partial.unlink(missing_ok=True)
        if not one.is_pinned:
            _pin(folder, one.path, _hash(path))
        if told is not None:
            check = HashCheck.KNOWN if known.is_pinned else HashCheck.AS_BEFORE
            told(one, not is_there, check if one.is_pinned else HashCheck.PINNED)


def _with_pins(benchmark: Benchmark, folder: Path) -> Benchmark:
    """Its files with the hashes of their first fetch, as far as they are not known."""
    pins = _pins(folder)

    def pinned(one: OfficialFile) -> OfficialFile:
        pin = pins.get(one.path)
        # A pin that is not what is known of the hash is that of an older file.
        is_of_it = pin is not None and not one.is_pinned and one.fits(pin)
        return replace(one, sha256=pin) if is_of_it else one

    return replace(benchmark, sources=tuple(map(pinned, benchmark.sources)))


def _pins(folder: Path) -> dict[str, str]:
    if not (folder / PINS).is_file():
        return {}
    pins = read_json(folder / PINS)
    if wrong := [name for name, digest in pins.items() if not isinstance(digest, str)]:
        raise ValueError(f"{folder / PINS}: {wrong[0]}: expected a hash")
    return pins


def _pin(folder: Path, path: str, digest: str) -> None:
    write_atomically(folder / PINS, json.dumps(_pins(folder) | {path: digest}, indent=1) + "\n")


def _fetch(address: str, path: Path) -> None:
    if match := _HUB.fullmatch(address):
        from huggingface_hub import hf_hub_download

        try:
            found = hf_hub_download(
                match["name"], match["path"], repo_type="dataset", revision=match["revision"]
            )
        except OSError as failed:
            raise ValueError(f"{address} cannot be fetched: {failed}") from failed
        with open(found, "rb") as source, path.open("wb") as target:
            copyfileobj(source, target, _CHUNK)
        return
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as source, path.open("wb") as target:
            copyfileobj(source, target, _CHUNK)
            wanted = source.headers.get("Content-Length")
    except (OSError, HTTPException) as failed:
        raise ValueError(f"{address} cannot be fetched: {failed}") from failed
    # A connection that ends early is no error to urllib.
    if wanted is not None and path.stat().st_size != int(wanted):
        raise ValueError(f"{address} broke off: {path.stat().st_size:,} bytes, expected {int(wanted):,}")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
