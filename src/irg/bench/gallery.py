"""The gallery of a report: prompts with their thoughts, pictures and verdicts, so that one can look at where
reflection helped and where it hurt."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irg.bench.changes import Pair, TurnChange, pairs_of
from irg.bench.columns import Judged
from irg.bench.episodes import DrawnEpisode
from irg.bench.pictures import Look, ShownPicture
from irg.bench.protocol import BASE_TURN, Hearing, Sample, Summary
from irg.bench.store import SeriesStore
from irg.core.digest import digest_of
from irg.core.reading import ImageError
from irg.report.page import Inlined, thumbnail

SHOWN = 120
"""Cards of a run, if it is not said otherwise."""
_SIDE = 256
_LONGEST = 180
"""Characters of an answer that a card repeats."""
_NOTHING: tuple[Any, ...] = ("", None, [], {})
"""What an answer need not repeat."""
_CHANGED = (TurnChange.MENDED, TurnChange.BROKEN, TurnChange.BETTER, TurnChange.WORSE)


@dataclass(frozen=True, eq=False)
class GalleryStep:
    """A turn of a card. `kind` is what the picture follows from: a thought, a reflection, or nothing but the
    prompt (image). `right` and `value` are None where there is no evidence of it."""

    name: str
    kind: str
    thought: str | None
    picture: Inlined | None
    right: bool | None
    value: float | None
    said: str


@dataclass(frozen=True, eq=False)
class Card:
    """One picture of an item through its turns. `gain` is from the first turn with a thought to the last."""

    item: str
    prompt: str
    category: str
    change: TurnChange | None
    gain: float
    steps: tuple[GalleryStep, ...]

    @property
    def is_graded(self) -> bool:
        """It gained or lost something that is no verdict."""
        return self.change in (TurnChange.BETTER, TurnChange.WORSE)


@dataclass(frozen=True, eq=False)
class Gallery:
    """The cards of a run, of so many that there are, each with its places by gain and by loss; and how many
    cards there are of each change and category, by which they can be chosen."""

    id: str
    title: str
    total: int
    cards: Sequence[tuple[Card, int, int]]
    changes: Mapping[str, int]
    categories: Mapping[str, int]


def gallery_of(name: str, judged: Judged, look: Look, count: int = SHOWN) -> Gallery:
    cards, total = cards_of(judged, look, count)
    by_gain, by_loss = (_places([sign * card.gain for card in cards]) for sign in (-1, 1))
    changes = Counter(str(card.change) for card in cards if card.change)
    categories = Counter(card.category for card in cards)
    placed = list(zip(cards, by_gain, by_loss, strict=True))
    return Gallery(name, judged.run.folder.resolve().name, total, placed, changes, categories)


def _places(values: Sequence[float]) -> list[int]:
    """Where each stands when they are sorted; equals keep their order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    return [place for _, place in sorted((index, place) for place, index in enumerate(order))]


def cards_of(judged: Judged, look: Look, count: int = SHOWN) -> tuple[list[Card], int]:
    """Some of the pictures of a run, in the order of the benchmark, and how many there are.

    First come all that the last turn changed, then others, by the hashes of their names and not picked.
    """
    by_turn = {turn: _by_place(summaries) for turn, summaries in judged.summaries.items()}
    pairs = _pairs(judged)
    places = [
        (item, number)
        for item in judged.run.items
        for number in _numbers(item.id, len(item.seeds), by_turn.values())
    ]

    def rank(index: int) -> tuple[bool, str]:
        item, number = places[index]
        return not _is_changed(pairs.get((item.id, number))), digest_of(item.id, number)

    drawn = judged.run.drawn()
    cards = []
    for index in sorted(sorted(range(len(places)), key=rank)[:count]):
        item, number = places[index]
        key, pair = (item.id, number), pairs.get((item.id, number))
        samples = {turn: found[key] for turn, found in by_turn.items() if key in found}
        steps = []
        for turn in judged.run.turns:
            seen = _thumbnail(look(item, turn).get(number or 0)), _thought(drawn, item.id, number, turn)
            steps.append(_step(turn, samples.get(turn), judged.heard.get((item.id, turn)), number, seen))
        category = next(iter(samples.values())).category if samples else ""
        change, gain = (pair.change, pair.gain) if pair else (None, 0.0)
        cards.append(Card(item.id, item.prompt, category, change, gain, tuple(steps)))
    return cards, len(places)


def _by_place(summaries: Sequence[Summary]) -> dict[tuple[str, int | None], Sample]:
    """The first sample of each picture, in the first variant that has one."""
    found: dict[tuple[str, int | None], Sample] = {}
    for summary in summaries:
        for sample in summary.samples:
            found.setdefault((sample.item, sample.picture), sample)
    return found


def _numbers(item: str, count: int, turns: Any) -> list[int | None]:
    """The pictures of an item, or None where only all of them together count."""
    together = any((item, None) in places for places in turns)
    alone = any((item, number) in places for places in turns for number in range(count))
    return [None] if together and not alone else list(range(count))


def _pairs(judged: Judged) -> dict[tuple[str, int | None], Pair]:
    """From the first turn with a thought to the last."""
    turns = [turn for turn in judged.run.turns if turn != BASE_TURN]
    if len(turns) < 2:
        return {}
    found: dict[tuple[str, int | None], Pair] = {}
    for first, last in zip(judged.summaries[turns[0]], judged.summaries[turns[-1]], strict=True):
        for pair in pairs_of(first, last):
            found.setdefault((pair.before.item, pair.before.picture), pair)
    return found


def _is_changed(pair: Pair | None) -> bool:
    return pair is not None and pair.change in _CHANGED


def _step(
    turn: int,
    sample: Sample | None,
    hearing: Hearing | None,
    number: int | None,
    seen: tuple[Inlined | None, str | None],
) -> GalleryStep:
    """`seen` is the picture and the thought before it."""
    picture, thought = seen
    name = "base" if turn == BASE_TURN else f"turn {turn}"
    kind = "image" if thought is None else "thought" if turn == BASE_TURN + 1 else "reflection"
    if sample is None:
        reason = "not drawn" if hearing is None else hearing.failure(number) or "not counted"
        return GalleryStep(name, kind, thought, picture, None, None, reason)
    said = "; ".join(_said(hearing, number)) if hearing is not None else ""
    return GalleryStep(name, kind, thought, picture, sample.right, sample.value, said)


def _said(hearing: Hearing, number: int | None) -> Iterator[str]:
    """What the judge found, in short."""
    rows = hearing.ok(number)
    for question, row in rows.items():
        flaws = row.evidence.get("flaws")
        if isinstance(flaws, Sequence) and not isinstance(flaws, str):
            yield "; ".join(map(str, flaws)) or "nothing is wrong"
            continue
        told = {
            name: value for name, value in row.evidence.items() if value not in _NOTHING and name != "correct"
        }
        text = ", ".join(f"{name}: {_words(value)}" for name, value in told.items()) or _words(
            dict(row.evidence)
        )
        text = f"{question}: {text}" if len(rows) > 1 else text
        yield text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _thought(
    drawn: Mapping[str, SeriesStore[DrawnEpisode]], item: str, number: int | None, turn: int
) -> str | None:
    for store in drawn.values():
        episode = store.records.get((item, number or 0))
        if episode is not None and turn in episode.thoughts:
            return episode.thoughts[turn]
    return None


def _thumbnail(found: ShownPicture | str | None) -> Inlined | None:
    if not isinstance(found, ShownPicture):
        return None
    try:
        return thumbnail(found.open(), _SIDE)
    except ImageError:
        return None
