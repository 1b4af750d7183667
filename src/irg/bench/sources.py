"""The official files of a benchmark: where they are on this machine, and fetching them. None comes with irg.

They lie in a folder for each benchmark: in IRG_BENCH_SOURCES, or in the user's cache. Whatever is not what
the protocol was checked against is refused, unless that is what is asked for, and then named in every result.
"""

import hashlib
import os
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from shutil import copyfileobj

from irg.bench.protocol import Benchmark, OfficialFile
from irg.core.files import inside, put_in_place

VARIABLE = "IRG_BENCH_SOURCES"
_HUB = re.compile(r"hf://datasets/(?P<name>[^/@]+/[^/@]+)@(?P<revision>[^/]+)/(?P<path>.+)")
_SECONDS = 60
_CHUNK = 1 << 20


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
    benchmark: Benchmark, folder: Path, told: Callable[[OfficialFile, bool], None] | None = None
) -> None:
    """Fetch the files that are not there yet, and tell of each whether it was fetched. Each is put in place
    when it is whole and what it should be. Raises ValueError for one that is not."""
    for one in benchmark.sources:
        path = inside(folder, one.path)
        is_there = path.is_file() and one.fits(_hash(path))
        if not is_there:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            try:
                _fetch(one.address, partial)
                if not one.fits(found := _hash(partial)):
                    raise ValueError(f"{one.address} is {found}, expected {one.sha256}: it was changed there")
                put_in_place(partial, path)
            finally:
                partial.unlink(missing_ok=True)
        if told is not None:
            told(one, not is_there)


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
