"""Where the comparison keeps what was drawn: a file of records per checkpoint, and a few pictures."""

import io
import json
from collections.abc import Iterable
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

from PIL import Image

from irg.bench.scene.records import Record
from irg.core.files import write_atomically

_PICTURES = "pictures"


class Store:
    """The records of one checkpoint in `folder`, in `NAME.jsonl`: a header, then a line per record."""

    def __init__(self, folder: Path, name: str, header: dict[str, Any]) -> None:
        self.folder, self.name = folder, name
        self.header: dict[str, Any] = json.loads(json.dumps(header))
        self.path = folder / f"{name}.jsonl"
        self._lines: dict[tuple[int, int], str] = {}
        self.records: dict[tuple[int, int], Record] = {}
        for line in self._load():
            self._hold(Record.from_line(line), line)

    def add(self, records: Seq[Record], pictures: dict[str, bytes]) -> None:
        """Keep some more; pictures first, so that records are never without theirs."""
        for name, content in pictures.items():
            path = self._picture(name)
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, content)
        for record in records:
            self._hold(record, record.as_line())
        lines = (self._lines[key] for key in sorted(self._lines))
        write_atomically(self.path, "\n".join([json.dumps(self.header), *lines]) + "\n")

    def has(self, records: Iterable[Record]) -> bool:
        return all(record.key in self.records for record in records)

    def picture(self, name: str) -> Image.Image:
        with Image.open(io.BytesIO(self._picture(name).read_bytes())) as picture:
            return picture.convert("RGB")

    def _picture(self, name: str) -> Path:
        return self.folder / _PICTURES / f"{self.name}-{name}.png"

    def _hold(self, record: Record, line: str) -> None:
        self.records[record.key], self._lines[record.key] = record, line

    def _load(self) -> list[str]:
        """What is there already. Raises ValueError if it is of another run."""
        if not self.path.exists():
            return []
        first, *lines = self.path.read_text().splitlines()
        found = json.loads(first)
        if found != self.header:
            differing = [name for name in self.header if found.get(name) != self.header[name]]
            raise ValueError(
                f"{self.path} is of another run ({', '.join(differing)} differ): choose another folder, or "
                "delete it"
            )
        return lines
