"""Publishing a finished set: a folder with a card, in parquet or tar files, and its way to the hub."""

from enum import StrEnum


class Packaging(StrEnum):
    PARQUET = "parquet"
    """Stores of traces (`irg.data.traces`) with their pictures in a column of their own."""
    WEBDATASET = "webdataset"
    """Tar files (`irg.publish.webdataset`)."""
