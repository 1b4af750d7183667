"""The durable store of what each stage made of each shard, so that no finished work is ever done again.

A file per stage and shard, written whole or not at all, named by the shard's number and the stage's mark.
A mark hashes the identities of all stages so far, so what is there under a mark is what the stage would make
again; a changed recipe finds what has not changed, and makes the rest.

A file holds every record of its shard as JSON, and the pictures that are new since the stage before.
"""

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from pydantic import TypeAdapter

from irg.core.files import PARTIAL, fresh
from irg.core.output import locked
from irg.core.picture import Picture, StoredPicture
from irg.stages.records import JSON, Codec, Find, Item
from irg.stages.shards import Mark, Shard, Tally

if TYPE_CHECKING:
    import pyarrow as pa

_METADATA = b"irg"
_tallies, _lineages = TypeAdapter(Tally), TypeAdapter(tuple[Mark, ...])
_ASIDE = ".aside"

Known = dict[str, Picture]
"""Pictures by digest."""


class Store(Generic[Item]):
    """The folder of a run's work. Any number of processes may read and write it at a time."""

    def __init__(self, folder: Path, codec: Codec[Item]) -> None:
        self.folder, self.codec = folder, codec

    def path(self, number: int, mark: Mark) -> Path:
        return self.folder / mark.name / f"{number:06d}-{mark.key}.parquet"

    def has(self, number: int, mark: Mark) -> bool:
        return self.path(number, mark).exists()

    def save(self, shard: Shard[Item], before: Shard[Item] | None, done: Tally) -> None:
        """Keep what a stage made of the shard `before` (None: what the source made)."""
        import pyarrow.parquet as pq

        olds = before.records if before is not None else [None] * len(shard.records)
        known = [{picture.digest for picture in old.pictures} if old else set() for old in olds]
        content = {"lineage": [asdict(mark) for mark in shard.lineage], "tally": asdict(done)}
        table = self._written(shard.records, known).replace_schema_metadata({_METADATA: json.dumps(content)})
        path = self.path(shard.number, shard.mark)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Pictures are compressed already, and there is little text beside them.
        with fresh(path) as partial, partial.open("wb") as file:
            pq.write_table(table, file, compression="none", use_dictionary=False, write_statistics=False)
            file.flush()
            os.fsync(file.fileno())
        self._aside(shard.number, shard.mark).unlink(missing_ok=True)

    def set_aside(self, number: int, mark: Mark) -> None:
        """Have a shard made again by a stage, from what is right in what it made (`recall_aside`)."""
        self.path(number, mark).replace(self._aside(number, mark))

    def remove(self, number: int, mark: Mark) -> None:
        self.path(number, mark).unlink()

    def recall_aside(self, shard: Shard[Item], mark: Mark, ids: Collection[str]) -> list[Item]:
        """The records with these ids among what a stage made of a shard before that was set aside."""
        path = self._aside(shard.number, mark)
        if not path.exists():
            return []
        found: list[Item] = []
        with _damaged(path):
            table = _table(path, ["record", "pictures"])
            texts = table.column("record").to_pylist()
            for text, old, new in zip(texts, shard.records, _pictures(table), strict=True):
                content = json.loads(text)
                if content["id"] in ids:
                    known = {picture.digest: picture for picture in old.pictures}
                    found.append(self.codec.from_json(content, (known | new).__getitem__))
        return found

    def files(self) -> Iterator[tuple[int, Mark, tuple[Mark, ...]]]:
        """All that is here: the shard's number, the stage's mark, and the marks of the way there."""
        for path in sorted(self.folder.glob("*/[0-9]*.parquet")):
            number, _, key = path.stem.partition("-")
            if not re.fullmatch("[0-9]+", number):
                raise ValueError(f"{path} is the work of no stage: expected nothing else here")
            mark = Mark(path.parent.name, key)
            yield int(number), mark, self.lineage(int(number), mark)

    def load(self, number: int, lineage: Sequence[Mark], pictures: bool = True) -> Shard[Item]:
        """A shard as the last stage of the lineage left it. Without `pictures`, those stay in the store.

        Raises ValueError when a file is missing or damaged.
        """
        known: list[Known] | None = None
        if pictures:
            for mark in lineage:
                with _damaged(self.path(number, mark)):
                    news = _pictures(self._read(number, mark, ["pictures"]))
                    olds = known or [{}] * len(news)
                    known = [old | new for old, new in zip(olds, news, strict=True)]
        with _damaged(self.path(number, lineage[-1])):
            return self._shard(number, lineage, self._read(number, lineage[-1], ["record"]), known)

    def follow(self, shard: Shard[Item], mark: Mark) -> Shard[Item]:
        """What a stage made of a shard that is in memory."""
        olds = [{picture.digest: picture for picture in record.pictures} for record in shard.records]
        with _damaged(self.path(shard.number, mark)):
            table = self._read(shard.number, mark, ["record", "pictures"])
            known = [old | new for old, new in zip(olds, _pictures(table), strict=True)]
            return self._shard(shard.number, (*shard.lineage, mark), table, known)

    def tally(self, number: int, mark: Mark) -> Tally:
        """What the stage did with the shard when it was made."""
        with _damaged(self.path(number, mark)):
            return _tallies.validate_python(self._metadata(number, mark)["tally"])

    def lineage(self, number: int, mark: Mark) -> tuple[Mark, ...]:
        """The marks of all stages up to this one."""
        with _damaged(self.path(number, mark)):
            return _lineages.validate_python(self._metadata(number, mark)["lineage"])

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second driver out, and clears away what a killed one left half-written.

        Raises ValueError when another run is at work here.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / ".lock"):
            for partial in self.folder.glob(f"*/.*{PARTIAL}"):
                partial.unlink()
            yield

    def _written(self, records: Sequence[Item], known: Sequence[set[str]]) -> "pa.Table":
        """Records with those of their pictures that are not known yet."""
        import pyarrow as pa

        pictures = [
            {picture.digest: picture.data for picture in record.pictures if picture.digest not in old}
            for record, old in zip(records, known, strict=True)
        ]
        kind = pa.map_(pa.string(), pa.binary())
        return pa.table(
            {
                "record": pa.array([_dumps(self.codec.as_json(record)) for record in records], pa.string()),
                "pictures": pa.array([list(new.items()) for new in pictures], kind),
            }
        )

    def _shard(
        self, number: int, lineage: Sequence[Mark], table: "pa.Table", known: list[Known] | None
    ) -> Shard[Item]:
        texts = table.column("record").to_pylist()
        finds: list[Find] = [StoredPicture] * len(texts)
        if known is not None:
            finds = [pictures.__getitem__ for pictures in known]
        pairs = zip(map(json.loads, texts), finds, strict=True)
        records = tuple(self.codec.from_json(content, find) for content, find in pairs)
        return Shard(number, tuple(lineage), records)

    def _read(self, number: int, mark: Mark, columns: list[str]) -> "pa.Table":
        return _table(self.path(number, mark), columns)

    def _aside(self, number: int, mark: Mark) -> Path:
        return self.path(number, mark).with_suffix(_ASIDE)

    def _metadata(self, number: int, mark: Mark) -> dict[str, Any]:
        import pyarrow.parquet as pq

        return json.loads(pq.read_schema(self.path(number, mark)).metadata[_METADATA])


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """Whatever goes wrong with the content of a file in the block is a ValueError that names it."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError as missing:
        raise ValueError(f"{path} is missing: expected what stage {path.parent.name} made") from missing
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, RecursionError) as broken:
        if isinstance(broken, OSError) and broken.errno is not None:  # of the disk, and not of the content
            raise
        raise ValueError(f"{path} is damaged: remove it to have it made again ({broken})") from broken


def _table(path: Path, columns: list[str]) -> "pa.Table":
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read(columns=columns)


def _dumps(content: JSON) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _pictures(table: "pa.Table") -> list[Known]:
    rows = table.column("pictures").to_pylist()
    return [{digest: Picture(data) for digest, data in row} for row in rows]
