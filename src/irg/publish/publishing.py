"""Publishing a set: a folder with a card, as the hub and the `datasets` library want it.

    FOLDER/README.md                    the card (`irg.publish.card`)
    FOLDER/data/train, data/held_out    parquet files with a manifest, or tar files with an index

The parquet files are stores of traces, with their pictures in a column of their own, which viewers show;
`irg train` reads them as they are. The same set gives the same bytes.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irg.core.files import write_atomically
from irg.core.output import emptied, refuse_to_replace, replaced
from irg.data.learning import modes_of
from irg.data.shards import ShardFormat, ShardWriter
from irg.data.source import Fault
from irg.data.trace_rows import PUBLISHED_FEATURES, REPEATED, published, schema, trace_of
from irg.data.traces import FORMAT
from irg.publish import Packaging
from irg.publish import card as cards
from irg.publish.card import Making
from irg.publish.card_front import Title
from irg.publish.discretion import public, public_row
from irg.publish.extract import Entry, Extract, Stock, choose
from irg.publish.inventory import Inventory
from irg.publish.webdataset import TarWriter

KIND = "published set"
_ATTEMPTS = 8
_FULL = 0.9
"""Of the bytes allowed: an extract that fills so many of them is large enough."""


@dataclass(frozen=True)
class Publishing:
    """What is published, as what. A file ends at about `shard_bytes`, of tar files."""

    title: Title
    extract: Extract = field(default_factory=Extract)
    layout: Packaging = Packaging.PARQUET
    shard_bytes: int = 1 << 30


@dataclass(frozen=True)
class Published:
    """What was published: traces by part, of how many, and the bytes of the whole folder."""

    parts: dict[str, int]
    num_available: int
    num_bytes: int
    """Of all that is sent to the hub."""


def publish(
    source: Path, target: Path, publishing: Publishing, watch: Callable[[int, int], None] = lambda *_: None
) -> Published:
    """Write a set, or an extract of it, into a new folder, which is there when it is whole.

    `watch` is told how many traces are written, and of how many. Raises ValueError when the target holds
    anything but what was published there before, when the source is no set or has a row that cannot be read,
    and when no licence is known.
    """
    refuse_to_replace(target, KIND, [source])
    stock, extract = Stock(source), publishing.extract
    entries = stock.entries(extract.held_out, sized=extract.max_bytes is not None)
    with replaced(target, KIND, [source]) as partial:
        writer = _Writer(stock, partial, publishing, watch)
        return (
            writer.fit(entries)
            if extract.max_bytes
            else writer.write(choose(entries, extract.max_rows, None))
        )


class _Writer:
    """Writes one folder, as often as it takes to find what fits."""

    def __init__(
        self, stock: Stock, folder: Path, publishing: Publishing, watch: Callable[[int, int], None]
    ) -> None:
        self.stock, self.folder, self.publishing, self.watch = stock, folder, publishing, watch

    def fit(self, entries: list[Entry]) -> Published:
        """The largest extract, or nearly, that is within the bytes allowed.

        How far a row can be compressed shows when it is written among others: so it is tried.
        """
        extract = self.publishing.extract
        assert extract.max_bytes is not None
        budget = limit = extract.max_bytes
        for attempt in range(1, _ATTEMPTS + 1):
            chosen = choose(entries, extract.max_rows, budget)
            if not chosen:
                break
            done = self.write(chosen)
            most = len(entries) if extract.max_rows is None else min(extract.max_rows, len(entries))
            is_enough = done.num_bytes >= _FULL * limit or len(chosen) == most or attempt == _ATTEMPTS
            if done.num_bytes <= limit and is_enough:
                return done
            budget = int(budget * limit / done.num_bytes * 0.98)
        raise ValueError(f"{limit:,} bytes are too few for a trace and the card of {self.stock.path}")

    def write(self, entries: list[Entry]) -> Published:
        """Write these rows and their card."""
        if not entries:
            raise ValueError(f"{self.stock.path} holds no traces to publish")
        data = emptied(self.folder) / "data"
        found = Inventory(num_available=len(self.stock))
        provenance = public(self.stock.provenance)
        with ExitStack() as stack:
            writers: dict[str, ShardWriter | TarWriter] = {}
            for number, (part, place, row) in enumerate(self.stock.read(entries), start=1):
                row = published(public_row(row))
                trace = trace_of(row, place, sketch=True)
                modes = modes_of(trace)
                if not modes:
                    raise place.error(Fault.UNFIT, f"it lacks the parts for {', '.join(trace.modes)}")
                if part not in writers:
                    writers[part] = stack.enter_context(self._part(data / part, provenance))
                writers[part].write_row(row, modes)
                found.add(part, row, trace, modes)
                self.watch(number, len(entries))
        making = Making(provenance, self.stock.rejects, self.publishing.extract.held_out)
        text = cards.card(self.publishing.title, found, making, self.publishing.layout, cards.size_of(data))
        write_atomically(self.folder / cards.FILE, text)
        rows = {name: part.rows for name, part in found.parts.items()}
        return Published(rows, found.num_available, cards.size_of(self.folder))

    def _part(self, folder: Path, provenance: dict[str, Any]) -> ShardWriter | TarWriter:
        if self.publishing.layout is Packaging.WEBDATASET:
            return TarWriter(folder, folder.name, self.publishing.shard_bytes)
        form = ShardFormat(FORMAT, "traces", schema(PUBLISHED_FEATURES), REPEATED)
        return ShardWriter(folder, form, provenance)
