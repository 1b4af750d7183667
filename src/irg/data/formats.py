"""Which format a path holds."""

from enum import StrEnum
from pathlib import Path

from irg.data import conversation, episodes, traces
from irg.data.conversation import COLUMN, ConversationSource
from irg.data.episodes import EpisodeSource
from irg.data.rows import column_names, parquet_files, splits
from irg.data.shards import Manifest
from irg.data.source import Source
from irg.data.traces import TraceStore


class NotOursError(ValueError):
    """A path holds a data set of another format, or none."""


class Format(StrEnum):
    TRACES = "traces"
    CONVERSATION = "conversation"
    EPISODES = "episodes"
    """Folders of saved episodes."""


_FORMATS = {traces.FORMAT: Format.TRACES, conversation.FORMAT: Format.CONVERSATION}


def detect(path: Path | str) -> Format:
    """The format of a file or folder. Raises NotOursError, a ValueError, for one that has none of them, and
    ValueError for several splits of a set, or episodes beside data sets.

    The first parquet file with known columns decides: one without them may be a broken one of many.
    """
    path = Path(path)
    if path.is_dir() and (manifest := Manifest.load(path)):
        if manifest.format not in _FORMATS:
            raise ValueError(f"{path} is of the format {manifest.format!r}, known are {', '.join(_FORMATS)}")
        return _FORMATS[manifest.format]
    files = parquet_files(path)
    if path.is_dir() and (episode := next(path.rglob(episodes.FILE), None)):
        if not files:
            return Format.EPISODES
        raise ValueError(
            f"{path} holds episodes, such as {episode.parent}, and data sets, such as {files[0].parent}: "
            "name one of them"
        )
    if not files:
        raise NotOursError(f"{path} holds no parquet files; other data sets are read by irg data convert")
    if len(several := splits(path)) > 1:
        raise ValueError(f"{path} holds {', '.join(several)}, which are not to be mixed: name one of them")
    names: set[str] = set()
    for columns in column_names(path):
        names |= columns
        if COLUMN in columns:
            return Format.CONVERSATION
        if {"prompt", "turns"} <= columns:
            return Format.TRACES
    found = f"the columns {', '.join(sorted(names))}" if names else "no file that can be read"
    expected = f"expected a column {COLUMN!r}, or 'prompt' and 'turns'"
    raise NotOursError(f"{path} has {found}: {expected}; other data sets are read by irg data convert")


def open_source(path: Path | str, system_prompt: str | None = None) -> Source:
    """The data set at a path, whatever its format. `system_prompt` is for conversations that have none."""
    match detect(path):
        case Format.CONVERSATION:
            return ConversationSource(path, system_prompt)
        case Format.TRACES:
            return TraceStore(path)
        case Format.EPISODES:
            return EpisodeSource(path)
