"""Judging: evidence of all pictures that there are, kept as rows, of which reports are made without a model.

What was not drawn, or could not be judged, is no wrong picture and no absent one either: it makes a report
incomplete, and is tried again the next time.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from irg.bench.harness import Progress
from irg.bench.items import Item
from irg.bench.pictures import Look, ShownPicture
from irg.bench.protocol import EvidenceRow, Hearing, Judge, Shown, Status
from irg.bench.store import Lightening, SeriesStore, StoredLine
from irg.core.reading import ImageError

UNREADABLE = "picture cannot be read"
_TOGETHER = 64
"""Hearings that a judge is given at once."""
_SECONDS = 1.0
"""After which what was found is saved, if it is not much by then."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredEvidence(Mapping[str, Any]):
    """The evidence of a row where it lies, to be read when it is asked for: that of all pictures together may
    be larger than the memory."""

    hearing: StoredLine
    row: int

    @property
    def _content(self) -> Mapping[str, Any]:
        """Raises ValueError for what is none."""
        found = self.hearing.read()["rows"][self.row].get("evidence")
        if not isinstance(found, dict):
            raise ValueError(f"{str(found)[:100]!r} is no evidence: expected an object")
        return found

    def __getitem__(self, name: str) -> Any:
        return self._content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


@dataclass(frozen=True, slots=True)
class LightRow:
    """An `EvidenceRow` but for the evidence."""

    picture: int | None
    question: str
    status: Status = Status.OK
    judge: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LightHearing:
    """A `Hearing` of such rows."""

    item: str
    turn: int
    shown: dict[int, str]
    absent: dict[int, str]
    rows: tuple[LightRow, ...]


def _hearing_of(found: LightHearing | Hearing, line: StoredLine) -> Hearing:
    rows = tuple(
        EvidenceRow(row.picture, row.question, StoredEvidence(line, number), row.status, row.judge)
        for number, row in enumerate(found.rows)
    )
    return Hearing(found.item, found.turn, found.shown, found.absent, rows)


LIGHT = Lightening(LightHearing, _hearing_of)


def hear_missing(
    asked: Sequence[tuple[Item, int]],
    look: Look,
    judge: Judge,
    store: SeriesStore[Hearing],
    progress: Progress | None = None,
    by_turn: bool = False,
) -> None:
    """Have the pictures of items, each in a turn, judged, as far as that has not been done.

    Some hearings are brought before the judge together, or `by_turn` all of a turn. All pictures are read
    before it is asked for the first time. What was found of other pictures than are there now does not count.
    Whatever the judge raises ends it; what it had told of by then is kept.
    """
    wanted = dict(_wanted(asked, look, store))
    done = len(asked) - len(wanted)
    if progress is not None:
        progress(done, len(asked))
    todo = [(item, turn) for item, turn in asked if (item.id, turn) in wanted]
    for some in _brought(todo, by_turn):
        shown = [Shown(item, turn, _readable(look(item, turn), wanted[item.id, turn])) for item, turn in some]
        store.add((_hearing(one, wanted, ()) for one in shown if not one.pictures), {})
        for count in _heard(judge, [one for one in shown if one.pictures], wanted, store):
            if progress is not None:
                progress(done + count, len(asked))
        done += len(shown)


def hearings(store: SeriesStore[Hearing], turn: int) -> dict[str, Hearing]:
    """All that is known of a turn, by item."""
    return {hearing.item: hearing for hearing in store.records.values() if hearing.turn == turn}


def _brought(asked: Sequence[tuple[Item, int]], by_turn: bool) -> Iterator[Sequence[tuple[Item, int]]]:
    """What is brought before the judge together."""
    if by_turn:
        for turn in dict.fromkeys(turn for _, turn in asked):
            yield [one for one in asked if one[1] == turn]
    else:
        for start in range(0, len(asked), _TOGETHER):
            yield asked[start : start + _TOGETHER]


_Absent = Mapping[int, str]


def _wanted(
    asked: Iterable[tuple[Item, int]], look: Look, store: SeriesStore[Hearing]
) -> Iterator[tuple[tuple[str, int], _Absent]]:
    """What is to be judged, with why some of its pictures cannot be shown."""
    for item, turn in asked:
        key = item.id, turn
        there, known = look(item, turn), store.records.get(key)
        hashes = {number: one.sha256 for number, one in there.items() if isinstance(one, ShownPicture)}
        if known is not None and known.is_settled and known.shown == hashes:
            continue
        absent = {number: reason for number, one in there.items() if (reason := _fault(one)) is not None}
        hashes = {number: value for number, value in hashes.items() if number not in absent}
        is_same = known is not None and (known.shown, known.absent) == (hashes, absent)
        if known is None or not is_same or any(row.status is not Status.OK for row in known.rows):
            yield key, absent


def _fault(found: ShownPicture | str) -> str | None:
    if isinstance(found, str):
        return found
    try:
        found.open()
    except ImageError:
        return UNREADABLE
    return None


def _readable(there: Mapping[int, ShownPicture | str], absent: _Absent) -> dict[int, ShownPicture]:
    return {
        number: one for number, one in there.items() if isinstance(one, ShownPicture) and number not in absent
    }


def _heard(
    judge: Judge,
    shown: Sequence[Shown],
    wanted: Mapping[tuple[str, int], _Absent],
    store: SeriesStore[Hearing],
) -> Iterator[int]:
    """Have all of these judged, and tell how many are saved."""
    waiting: list[Hearing] = []
    count, saved = 0, time.monotonic()
    try:
        for one, rows in judge.hear(shown) if shown else ():
            waiting.append(_hearing(one, wanted, tuple(rows)))
            count += 1
            if time.monotonic() - saved > _SECONDS:
                store.add(waiting, {})
                waiting, saved = [], time.monotonic()
                yield count
    finally:
        if waiting:
            store.add(waiting, {})
    assert count == len(shown), f"the judge told of {count} of {len(shown)} that it was shown"
    yield count


def _hearing(shown: Shown, wanted: Mapping[tuple[str, int], _Absent], rows: tuple) -> Hearing:
    hashes = {number: picture.sha256 for number, picture in shown.pictures.items()}
    absent = wanted[shown.item.id, shown.turn]
    return Hearing(shown.item.id, shown.turn, hashes, dict(absent), rows)
