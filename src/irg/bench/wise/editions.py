"""The two editions of WISE: which ids are of which category, and what a run's scores come to.

Of either there are 1,000 prompts, and an id is another prompt in the other edition: no score of one is a
score of the other. Facts of PKU-YuanGroup/WISE (eb51174).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irg.bench.wise.answers import LEGACY as PARTS


@dataclass(frozen=True)
class Category:
    """A part of the prompts, by their ids, and its weight in the overall score."""

    name: str
    ids: range
    weight: float


@dataclass(frozen=True)
class Edition:
    """The categories of one edition, those of each of its files, and what a row of scores is worth.

    `value` gives None for a row that has no valid score.
    """

    name: str
    categories: tuple[Category, ...]
    files: Mapping[str, tuple[str, ...]]
    value: Callable[[Mapping[str, Any]], float | None]

    @property
    def ids(self) -> range:
        return range(1, self.categories[-1].ids.stop)

    @property
    def weights(self) -> dict[str, float]:
        return {category.name: category.weight for category in self.categories}

    def category_of(self, number: int) -> str | None:
        return next((category.name for category in self.categories if number in category.ids), None)


@dataclass(frozen=True)
class CategoryMeans:
    """The mean of each category that has any value, with how many it has."""

    means: Mapping[str, tuple[float, int]]

    @classmethod
    def of(cls, edition: Edition, values: Iterable[tuple[int, float]]) -> "CategoryMeans":
        """Of (id, value) pairs. What comes twice counts twice; ids of no category do not count."""
        by_name: dict[str, list[float]] = {category.name: [] for category in edition.categories}
        for number, value in values:
            if (name := edition.category_of(number)) is not None:
                by_name[name].append(value)
        return cls({name: (sum(some) / len(some), len(some)) for name, some in by_name.items() if some})

    def combined(self, weights: Mapping[str, float]) -> float | None:
        """The weighted sum; None where a category has no value."""
        if self.means.keys() != weights.keys():
            return None
        return sum(weight * self.means[name][0] for name, weight in weights.items())


def wiscore(row: Mapping[str, Any]) -> float | None:
    """The score of 2025: seven parts consistency, two realism, one aesthetic quality; no range is checked."""
    consistency, realism, aesthetic = parts = [row.get(name) for name in PARTS]
    if not all(isinstance(part, int | float) for part in parts):
        return None
    return (0.7 * consistency + 0.2 * realism + 0.1 * aesthetic) / 2  # type: ignore[operator]


def binary(row: Mapping[str, Any]) -> float | None:
    """The score of 2026: 0 or 1, and nothing between."""
    score = row.get("score")
    return float(score) if isinstance(score, int | float) and score in (0, 1) else None


_FILES = {
    "culture": ("culture",),
    "space-time": ("time", "space"),
    "science": ("biology", "physics", "chemistry"),
}


def _edition(
    name: str, ends: Sequence[int], weights: Sequence[float], value: Callable[..., float | None]
) -> Edition:
    names = [category for some in _FILES.values() for category in some]
    ids = [range(start, end) for start, end in zip((1, *ends), ends, strict=False)]
    return Edition(name, tuple(map(Category, names, ids, weights)), _FILES, value)


LEGACY = _edition("legacy", (401, 568, 701, 801, 901, 1001), (0.4, 0.167, 0.133, 0.1, 0.1, 0.1), wiscore)
VERIFIED = _edition("verified", (401, 521, 641, 761, 881, 1001), (0.4, *[0.12] * 5), binary)
PLAIN = dict.fromkeys(LEGACY.weights, 1 / 6)
"""The weights of BAGEL's and IRG's own script, which takes the plain mean of the six categories."""


@dataclass(frozen=True)
class OfficialResult:
    """What the official calculator makes of files of scores. It gives no number at all, and names the ids,
    where an id that it looks for has no row."""

    categories: CategoryMeans
    overall: float | None
    missing: tuple[int, ...] = ()


def official_result(
    files: Sequence[Iterable[str] | None], edition: Edition, category: str = "all"
) -> OfficialResult:
    """What the official calculator makes of files as lines of JSON, None for one that is not there.

    With `all` every id has to have a row. With the name of one file a single file is looked through for its
    own ids, and several are not looked through at all; neither has an overall score.
    """
    read = [rows for lines in files if lines is not None and (rows := _rows(lines)) is not None]
    present = {number for rows in read for number, _ in rows}
    values = [
        (number, value) for rows in read for number, row in rows if (value := edition.value(row)) is not None
    ]
    if category == "all":
        expected = set(edition.ids)
    elif len(files) == 1:
        expected = {
            number for one in edition.categories if one.name in edition.files[category] for number in one.ids
        }
    else:
        expected = set()
    if missing := expected - present:
        return OfficialResult(CategoryMeans({}), None, tuple(sorted(missing)))
    means = CategoryMeans.of(edition, values)
    return OfficialResult(means, means.combined(edition.weights) if category == "all" else None)


def _rows(lines: Iterable[str]) -> list[tuple[int, Mapping[str, Any]]] | None:
    """The rows of a file with their ids. Lines that are no JSON and rows without a whole number as id are
    passed over; a line that is JSON but no object makes the whole file unreadable."""
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if not isinstance(row, dict):
            return None
        if isinstance(row.get("prompt_id"), int):
            rows.append((int(row["prompt_id"]), row))
    return rows
