"""Judging: evidence of every picture that was drawn, kept as rows, of which reports are made without a model.

What was not drawn, or could not be judged, is no wrong picture and no absent one either: it makes a report
incomplete.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from irg.bench.episodes import DrawnEpisode
from irg.bench.items import Item
from irg.bench.store import Key, SeriesStore
from irg.core.reading import ImageError

Evidence = dict[str, Any]
Judge = Callable[[Item, Image.Image], Mapping[str, Evidence]]
"""What is to be known of a picture, by question. Raises `Unjudged` where a judge finds nothing out."""
_TOGETHER = 64
"""Pictures whose evidence is saved at once."""


class Unjudged(ValueError):
    """There is no evidence of a picture; the message is the reason, by which such pictures are counted."""


@dataclass(frozen=True)
class Judgement:
    """The raw evidence on one question about the picture of one turn."""

    item: str
    picture: int
    turn: int
    question: str
    evidence: Evidence

    @property
    def key(self) -> Key:
        return self.item, self.picture, self.turn, self.question


@dataclass(frozen=True)
class Judged:
    """All evidence of a run, sorted by key; and by (item, picture, turn) why other pictures have none."""

    rows: list[Judgement]
    unjudged: dict[Key, str]


def judge_missing(
    items: Iterable[Item],
    drawn: Iterable[SeriesStore[DrawnEpisode]],
    judge: Judge,
    store: SeriesStore[Judgement],
) -> Judged:
    """Judge what was drawn of the items and is not judged yet; what fails is tried again the next time."""
    by_id = {item.id: item for item in items}
    pictures = [
        (series, name, (*episode.key, turn))
        for series in drawn
        for episode in series.records.values()
        if episode.item in by_id
        for turn, name in episode.images.items()
    ]
    done = {row.key[:3] for row in store.records.values()}
    todo = [picture for picture in pictures if picture[2] not in done]
    unjudged: dict[Key, str] = {}
    for start in range(0, len(todo), _TOGETHER):
        rows = []
        for series, name, (item, picture, turn) in todo[start : start + _TOGETHER]:
            try:
                found = judge(by_id[item], _picture(series, name))
            except Unjudged as error:
                unjudged[item, picture, turn] = str(error)
                continue
            rows += [Judgement(item, picture, turn, *answer) for answer in found.items()]
        store.add(rows, {})
    rows = (store.records[key] for key in sorted(store.records))
    return Judged([row for row in rows if row.item in by_id], unjudged)


def incomplete(items: Sequence[Item], turns: Iterable[int], judged: Judged) -> dict[str, Any] | None:
    """What is missing of a judged run, by reason, as a part of its report; None if nothing is."""
    expected = set(_expected(items, turns))
    have = {row.key[:3] for row in judged.rows}
    reasons = Counter(judged.unjudged.get(key, "not drawn") for key in expected - have)
    if not reasons:
        return None
    return {"expected": len(expected), "judged": len(expected & have), "missing": dict(reasons)}


def _expected(items: Iterable[Item], turns: Iterable[int]) -> Iterator[Key]:
    turns = tuple(turns)
    return (
        (item.id, picture, turn) for item in items for picture in range(len(item.seeds)) for turn in turns
    )


def _picture(series: SeriesStore[DrawnEpisode], name: str) -> Image.Image:
    try:
        return series.picture(name)
    except ImageError as error:
        raise Unjudged("picture cannot be read") from error
