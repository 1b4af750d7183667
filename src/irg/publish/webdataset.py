"""Sets as WebDataset shards: tar files that are read in a stream, from a disk or over a network.

A trace is a few files in a row with a common key, the trace's id where that is fit for a name:

    KEY.image1.png  KEY.image2.png      the turns' pictures, in PNG or JPEG as they are stored
    KEY.source.png                      the picture that was edited, where there was one
    KEY.json                            everything else, the columns that hold JSON as text in it: readers
                                        that make tables of it find the same type in every trace

The same rows give the same bytes.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from irg.core.digest import digest_of
from irg.core.files import write_atomically
from irg.core.picture import Picture
from irg.data.shards import file_hash
from irg.data.trace_rows import published

INDEX = "index.json"
VERSION = 1
_IMAGES = ("images", "source")


class TarWriter:
    """Writes rows of traces (`irg.data.trace_rows`) as shards of about `shard_bytes`. A context manager; the
    index is written when it is left without an error, so a folder without one is not whole."""

    def __init__(self, folder: Path, prefix: str, shard_bytes: int = 1 << 30) -> None:
        if shard_bytes < 1:
            raise ValueError(f"shards of {shard_bytes} bytes: expected at least 1")
        self.folder, self.prefix, self.shard_bytes = folder, prefix, shard_bytes
        self._entries: list[dict[str, Any]] = []
        self._tar: tarfile.TarFile | None = None
        self._samples = 0

    def __enter__(self) -> "TarWriter":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            if self._tar is not None:
                self._tar.close()
            return
        self._end_shard()
        content = {"version": VERSION, "shards": self._entries}
        write_atomically(self.folder / INDEX, json.dumps(content, indent=1) + "\n")

    def write_row(self, row: dict[str, Any], modes: Iterable[str] = ()) -> None:
        """Add a row; its `modes` are kept with it where it names none itself."""
        if self._tar is None:
            self._tar = tarfile.open(self._path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        for name, data in sample(row, modes):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            self._tar.addfile(info, io.BytesIO(data))
        self._samples += 1
        if self._tar.offset >= self.shard_bytes:
            self._end_shard()

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.prefix}-{len(self._entries):06d}.tar"

    def _end_shard(self) -> None:
        if self._tar is None:
            return
        path = self._path
        self._tar.close()
        size = {"samples": self._samples, "num_bytes": path.stat().st_size}
        self._entries.append({"name": path.name, **size, "sha256": file_hash(path)})
        self._tar, self._samples = None, 0


def sample(row: dict[str, Any], modes: Iterable[str] = ()) -> Iterator[tuple[str, bytes]]:
    """The files of a row, by name: pictures first, so that whoever has the JSON has the rest."""
    row = published(row)
    key = row["id"] if re.fullmatch(r"[\w-]{1,64}", row["id"], re.ASCII) else digest_of(row["id"])
    for number, image in enumerate(row["images"], start=1):
        yield f"{key}.image{number}.{_extension(image['bytes'])}", image["bytes"]
    if row.get("source") is not None:
        yield f"{key}.source.{_extension(row['source']['bytes'])}", row["source"]["bytes"]
    content = {name: value for name, value in row.items() if name not in _IMAGES}
    content["modes"] = row.get("modes") or sorted(map(str, modes))
    yield f"{key}.json", json.dumps(content, ensure_ascii=False, sort_keys=True).encode()


def _extension(data: bytes) -> str:
    """What readers decode the picture by. Raises ValueError for a kind of file that they do not know."""
    kind = Picture(data).kind
    if kind is None:
        raise ValueError(f"a picture that begins with {data[:8]!r}: expected PNG, JPEG, WebP, GIF or BMP")
    return "jpg" if kind == "jpeg" else kind
