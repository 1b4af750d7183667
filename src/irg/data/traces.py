"""The trace store: episodes as parquet, with their images as they are encoded, and a manifest.

`TraceWriter` makes one and `TraceStore` reads it, as a source of training rows. The columns are those of
`irg.data.trace_rows`.
"""

from pathlib import Path
from typing import Any

from irg.core.trace import Trace
from irg.data.learning import modes_of
from irg.data.parquet import ParquetSource
from irg.data.shards import ShardFormat, ShardWriter
from irg.data.source import Fault, RowPlace
from irg.data.trace_rows import COLUMNS, REPEATED, row_of, schema, trace_of

FORMAT = "irg-traces"


class TraceWriter(ShardWriter):
    """Writes a store. A context manager, as `ShardWriter` is.

    Images are PNG, or JPEG where a `jpeg_quality` (1 to 95) is given; pictures that were read from a data set
    and not changed since keep their bytes. A group of rows also ends at 24 MB and a file at 1 GB. Equal
    traces give equal bytes. Raises ValueError for a folder that holds a data set already.
    """

    def __init__(
        self,
        folder: Path,
        provenance: dict[str, Any] | None = None,
        rows_per_group: int = 1024,
        rows_per_file: int = 65_536,
        jpeg_quality: int | None = None,
    ) -> None:
        if jpeg_quality is not None and not 1 <= jpeg_quality <= 95:
            raise ValueError(f"JPEG quality {jpeg_quality}: expected 1 to 95")
        form = ShardFormat(FORMAT, "traces", schema(), REPEATED, rows_per_group, rows_per_file)
        super().__init__(folder, form, provenance)
        self.jpeg_quality = jpeg_quality
        self.ids: set[str] = set()
        """Of the traces written so far."""

    def write(self, trace: Trace) -> str:
        """Add a trace; returns its id, the hash of its content if it had none.

        Raises RowError, a ValueError, for what a reader would refuse, a duplicated id among it.
        """
        place = RowPlace(str(self.folder), self.num_rows)
        try:
            row = row_of(trace, self.jpeg_quality)
        except UnicodeEncodeError as broken:
            raise place.error(Fault.WRONG_TYPE, f"a text is no valid Unicode: {broken.reason}") from broken
        modes = modes_of(trace_of(row, place, sketch=True))
        if not modes:
            raise place.error(Fault.UNFIT, f"it lacks the parts for {', '.join(trace.modes)}")
        if row["id"] in self.ids:
            raise place.error(Fault.DUPLICATE, f"id {row['id']} has been written already")
        self.write_row(row, modes)
        self.ids.add(row["id"])
        return row["id"]


class TraceStore(ParquetSource[Trace]):
    """Reads a store, or any parquet files with its columns, as a source of traces."""

    COLUMNS = COLUMNS

    def from_row(self, row: dict[str, Any], place: RowPlace, sketch: bool = False) -> Trace:
        return trace_of(row, place, sketch)

    def is_sketched(self, leaf: str) -> bool:
        return not leaf.endswith(".bytes")
