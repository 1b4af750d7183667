"""Who judges OneIG: a vision-language model answers and reads, encoders tell how near pictures are to
references, to answers and to one another.

Every judge sees a picture through JPEG, as the official code saves the tiles of its grids.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any, Protocol

from irg.bench.asking import AskingJudge, Question
from irg.bench.failing import failed_row
from irg.bench.official import OfficialText
from irg.bench.oneig.grids import shown as through_jpeg
from irg.bench.oneig.items import NAME, questions_of
from irg.bench.oneig.reading import most_tokens
from irg.bench.protocol import EvidenceRow, JudgeOptions, Shown
from irg.bench.vlm import VlmSettings
from irg.core.picture import Picture
from irg.endpoint import ChatRequest, Message

VERSION = 1
TEXT, REASONING, STYLE, DIVERSITY = "text", "reasoning", "style", "diversity"
ALIGNMENT = "alignment/"
"""What the names of the questions of this dimension begin with; their numbers follow."""
ASKED = ("alignment", TEXT)
"""The dimensions that a model is asked about."""


class Failed(ValueError):
    """An encoder has no answer; the message says why."""


class Encoders(Protocol):
    """Embeddings of pictures (as JPEG) and texts, compared. Each dimension of `dimensions` is there to be
    asked for; what fails raises `Failed`."""

    @property
    def identity(self) -> Mapping[str, Any]: ...

    @property
    def dimensions(self) -> frozenset[str]: ...

    def style(self, picture: bytes, style: str) -> Mapping[str, Sequence[float]]:
        """By encoder how near the picture is to each reference of a style."""
        ...

    def reasoning(self, picture: bytes, answer: str) -> float:
        """How near the picture is to a text."""
        ...

    def diversity(self, one: bytes, other: bytes) -> float:
        """How far two pictures are from one another."""
        ...


class OneigJudge:
    """The model's rows, and those of the encoders, of the dimensions that are asked for."""

    def __init__(self, asking: AskingJudge, encoders: Sequence[Encoders], dimensions: Sequence[str]) -> None:
        """Raises ValueError for a dimension that nobody judges."""
        self._asking = asking
        self._of = {name: one for one in encoders for name in one.dimensions if name in dimensions}
        if lacking := set(dimensions) - set(ASKED) - set(self._of):
            raise ValueError(
                f"nobody judges {', '.join(sorted(lacking))}: name a process that does "
                "(--judge encoders=URL), or leave it out (--judge dimensions=alignment,text)"
            )
        self._used = [one for one in encoders if one in self._of.values()]
        self._dimensions = sorted(dimensions)

    @property
    def identity(self) -> Mapping[str, Any]:
        """It loads encoders that are in this process."""
        return self._identity

    @cached_property
    def _identity(self) -> dict[str, Any]:
        return {
            **self._asking.identity,
            "dimensions": self._dimensions,
            "encoders": [dict(one.identity) for one in self._used],
        }

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, Sequence[EvidenceRow]]]:
        for one, rows in self._asking.hear(shown):
            yield one, [*rows, *self._encoded(one)]

    def _encoded(self, shown: Shown) -> Iterator[EvidenceRow]:
        tiles = {number: through_jpeg(picture.open()) for number, picture in shown.pictures.items()}
        style, answer = shown.item.facts.get("style"), shown.item.facts.get("answer")
        for number, tile in tiles.items():
            if style is not None:
                yield from self._row(number, STYLE, lambda of, tile=tile: dict(of.style(tile, style)))
            if answer is not None:
                yield from self._row(
                    number, REASONING, lambda of, tile=tile: {"similarity": of.reasoning(tile, answer)}
                )
        if len(tiles) > 1:
            pairs = list(combinations(tiles, 2))
            yield from self._row(
                None,
                DIVERSITY,
                lambda of: {
                    "distances": [[one, two, of.diversity(tiles[one], tiles[two])] for one, two in pairs]
                },
            )

    def _row(
        self, picture: int | None, name: str, work: Callable[[Encoders], dict[str, Any]]
    ) -> Iterator[EvidenceRow]:
        """The row of a dimension that is asked for."""
        if name not in self._of:
            return
        try:
            yield EvidenceRow(picture, name, work(self._of[name]))
        except (Failed, RuntimeError) as failure:  # the latter of a GPU without memory
            yield failed_row(picture, name, "an encoder failed", str(failure))


def asking(
    settings: VlmSettings,
    texts: Mapping[str, OfficialText],
    options: JudgeOptions,
    dimensions: Sequence[str],
) -> AskingJudge:
    """Asks each question about alignment, and to read what is written, of each picture by itself."""
    hashes = {name: text.sha256 for name, text in texts.items()}

    def label(name: str) -> str:
        return f"{NAME}@{VERSION} {hashes[name][:12]} {settings.revision}"

    def questions(shown: Shown) -> list[Question]:
        found = []
        for number, picture in shown.pictures.items():
            tile = Picture(through_jpeg(picture.open()))
            asked, expected = questions_of(shown.item), shown.item.facts.get("text")
            if asked is not None and "alignment" in dimensions:
                for place, words in asked.texts.items():
                    text = texts["question"].fill({"question": words})
                    request = _request(settings, tile, text, label("question"), _SHORT)
                    found.append(Question(number, f"{ALIGNMENT}{place}", lambda _, one=request: one, _taken))
            if expected is not None and TEXT in dimensions:
                text, tokens = texts["reading"].fill({}), most_tokens(expected)
                request = _request(settings, tile, text, label("reading"), tokens)
                found.append(Question(number, TEXT, lambda _, one=request: one, _taken))
        return found

    identity = settings.identity(f"{NAME}@{VERSION}", hashes)
    return AskingJudge(settings.endpoint(options), identity, questions, settings.readings)


_SHORT = 128
"""Tokens of an answer to a question."""


def _request(settings: VlmSettings, tile: Picture, text: str, label: str, tokens: int) -> ChatRequest:
    """One message, the picture first. The temperature is the server's, and so the checkpoint's own."""
    return ChatRequest((Message("user", (tile, text)),), tokens, label, settings.temperature)


def _taken(text: str) -> dict[str, Any]:
    """Whatever is said is an answer."""
    return {}
