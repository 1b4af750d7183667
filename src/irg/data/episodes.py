"""Folders of saved episodes (`Trace.save`), as they are generated, read as a source of traces."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from irg.core.files import BadJson, read_json
from irg.core.reading import ImageError
from irg.core.trace import Trace
from irg.data.source import Fault, RowError, RowPlace
from irg.prep import SizeOnly

FILE = "trace.json"


class EpisodeSource:
    """Every folder with a `trace.json`: `path` itself and all below it, sorted.

    It reads whole pictures to survey them. For training, convert it to a store.
    """

    fingerprint = None

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.folders = sorted(file.parent for file in self.path.rglob(FILE))
        if not self.folders:
            raise ValueError(f"{path} holds no episodes: no folder in it has a {FILE}")

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def group_sizes(self) -> tuple[int, ...]:
        return (1,) * len(self.folders)

    @property
    def group_bytes(self) -> tuple[int, ...]:
        return (0,) * len(self.folders)

    def __len__(self) -> int:
        return len(self.folders)

    def place(self, index: int) -> RowPlace:
        return RowPlace(str(self.folders[index] / FILE), 0)

    def read(self, index: int) -> Trace:
        """An episode. Raises RowError if it cannot be used."""
        trace = self._load(index)
        if first := self._duplicates.get(index):
            raise self.place(index).error(Fault.DUPLICATE, f"its id is that of {first}")
        return trace

    def survey(self) -> Iterator[Trace | RowError]:
        for index in range(len(self)):
            try:
                trace = self.read(index)
            except RowError as error:
                yield error
                continue
            turns = tuple(replace(turn, image=SizeOnly(turn.image.size)) for turn in trace.turns)
            yield replace(trace, turns=turns, source=trace.source and SizeOnly(trace.source.size))

    def _load(self, index: int) -> Trace:
        place, folder = self.place(index), self.folders[index]
        try:
            trace = Trace.load(folder)
        except BadJson as broken:
            raise place.error(Fault.BAD_JSON, str(broken)) from broken
        except ImageError as broken:  # an OSError is of the system: the file cannot be had
            raise place.error(Fault.BROKEN_IMAGE, str(broken)) from broken
        except ValueError as wrong:
            cause = wrong.__cause__
            is_missing = isinstance(cause, ValidationError) and cause.errors()[0]["type"] == "missing"
            raise place.error(Fault.MISSING_COLUMN if is_missing else Fault.WRONG_TYPE, str(wrong)) from wrong
        if not trace.turns:
            raise place.error(Fault.NO_TARGET, "it has no turns")
        return trace

    @cached_property
    def _duplicates(self) -> dict[int, str]:
        first: dict[str, str] = {}
        found: dict[int, str] = {}
        for index, folder in enumerate(self.folders):
            try:
                known = read_json(folder / FILE).get("id")
            except (ValueError, OSError):
                continue  # reading it says what is wrong with it
            if isinstance(known, str) and known and first.setdefault(known, str(folder)) != str(folder):
                found[index] = first[known]
        return found
