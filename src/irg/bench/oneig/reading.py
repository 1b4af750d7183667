"""OneIG's text score: what a model reads in a picture, against what was to be written there.

Facts of OneIG-Bench/OneIG-Benchmark (41b4983).
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from irg.bench.distance import edit_distance

FARTHEST = 100
"""The mean edit distance at which a model counts as writing nothing right; of English texts."""
_FRENCH = "àâäéèêëîïôöùûüçÀÂÄÉÈÊËÎÏÔÖÙÛÜÇ"
_NO_TEXT = re.compile(rf"[^\u4e00-\u9fa5a-zA-Z0-9\s{_FRENCH}]")
_NO_LETTER = re.compile(rf"[^\u4e00-\u9fa5a-zA-Z0-9{_FRENCH}]")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_NOT_READ = ("addCriterion", "No text recognized.")
"""What the reading model writes that is not in the picture. What it is told to say where there is no text is
not among it: that has no full stop."""
_LONG = 60
"""Words of a text, as its list is spelled, beyond which the reading model may answer at twice the length."""


@dataclass(frozen=True)
class Lettering:
    """One picture's text against the one that was asked for, both normalised."""

    distance: int
    matched: int
    """Words of the expected text, each as often as it stands there, that were read."""
    words: int

    @classmethod
    def of(cls, expected: str, read: str) -> "Lettering":
        """Of texts as they are. Where the expected one has Chinese in it, its letters are its words."""
        expected, read = normalised(expected), normalised(without_inventions(read))
        units = (expected, read) if _CHINESE.search(expected) else (expected.split(), read.split())
        wanted, found = map(Counter, units)
        return cls(edit_distance(read, expected), (wanted & found).total(), wanted.total())

    @property
    def exact(self) -> bool:
        return self.distance == 0

    @property
    def accuracy(self) -> float:
        return self.matched / self.words if self.words else 0.0


@dataclass(frozen=True)
class TextScore:
    """Of many pictures: mean edit distance (ED), share that is exact (CR), share of words found (WAC)."""

    distance: float
    completion: float
    accuracy: float

    @classmethod
    def of(cls, pictures: Sequence[Lettering]) -> "TextScore":
        """Words count alike, whatever picture they are of."""
        count = len(pictures)
        return cls(
            sum(one.distance for one in pictures) / count,
            sum(one.exact for one in pictures) / count,
            sum(one.matched for one in pictures) / sum(one.words for one in pictures),
        )

    @classmethod
    def of_prompt(cls, pictures: Collection[Lettering]) -> "TextScore":
        """Of the pictures of one prompt: here the accuracy is a mean over pictures."""
        count = len(pictures)
        return cls(
            sum(one.distance for one in pictures) / count,
            sum(one.exact for one in pictures) / count,
            sum(one.accuracy for one in pictures) / count,
        )

    @classmethod
    def mean(cls, prompts: Sequence["TextScore"]) -> "TextScore":
        """Of prompts, as the official finer tables have it."""
        count = len(prompts)
        sums = (sum(part) for part in zip(*(vars(one).values() for one in prompts), strict=True))
        return cls(*(total / count for total in sums))

    @property
    def score(self) -> float:
        """1 where all is right; each of the three parts alone could make it so."""
        return 1 - min(FARTHEST, self.distance) * (1 - self.completion) * (1 - self.accuracy) / FARTHEST


def most_tokens(expected: str) -> int:
    """Of the reading model's answer, by the expected text as the official file spells it."""
    return 256 if len(expected.split()) > _LONG else 128


def without_inventions(read: str) -> str:
    for words in _NOT_READ:
        read = read.replace(words, "")
    return read


def normalised(text: str) -> str:
    """Letters without accents but the French ones, digits, Chinese, and single blanks; where there is Chinese
    no blanks at all."""
    kept = _NO_TEXT.sub("", text)
    return _NO_LETTER.sub("", kept) if _CHINESE.search(kept) else re.sub(r"\s+", " ", kept).strip()
