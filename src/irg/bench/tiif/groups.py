"""TIIF's numbers: accuracy by type and length of description, groups of types, and the overall score.

A cell of the official table holds four decimals, and means are taken of those. Facts of
A113N-W3I/TIIF-Bench (3aae750).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from irg.bench.tiif.answers import agree

LENGTHS = ("short", "long")
_COMPARED = ("numeracy", "comparison", "differentiation", "negation")
BASIC: dict[str, tuple[str, ...]] = {
    "Attribute": ("shape+color", "color+texture", "texture+color", "shape+texture"),
    "Relation": ("2d_spatial_relation", "3d_spatial_relation", "action+2d", "action+3d"),
    "Reasoning": _COMPARED,
}
ADVANCED: dict[str, tuple[str, ...]] = {
    "Attribute+Relation": (
        *("action+color", "action+texture"),
        *(f"{attribute}+{space}" for attribute in ("color", "shape", "texture") for space in ("2d", "3d")),
    ),
    "Attribute+Reasoning": tuple(
        f"{reasoning}+{look}" for reasoning in _COMPARED for look in ("color", "texture")
    ),
    "Relation+Reasoning": tuple(f"{reasoning}+{space}" for reasoning in _COMPARED for space in ("2d", "3d")),
    "Text Generation": ("text",),
    "Style Control": ("style",),
}
REAL_WORLD: dict[str, tuple[str, ...]] = {"Complex": ("real_world",)}
NINE = BASIC | ADVANCED | REAL_WORLD
"""The groups that the overall score is the plain mean of."""
TYPES = tuple(kind for kinds in NINE.values() for kind in kinds)
PARTS = {"Basic": BASIC, "Advanced": ADVANCED, "Real World": REAL_WORLD}
"""The three parts of the table; a part's own score is the mean over its types, not over its groups."""


@dataclass(frozen=True)
class Cell:
    """What was answered of one type at one length: questions that agree, of how many."""

    right: int = 0
    total: int = 0

    @classmethod
    def of(cls, pictures: Iterable[tuple[Sequence[str], Sequence[str]]]) -> "Cell":
        """Of (expected, given) answers of pictures. Answers without a partner do not count."""
        pairs = [agree(*pair) for picture in pictures for pair in zip(*picture, strict=False)]
        return cls(sum(pairs), len(pairs))

    def __add__(self, other: "Cell") -> "Cell":
        return Cell(self.right + other.right, self.total + other.total)

    @property
    def accuracy(self) -> float | None:
        return self.right / self.total if self.total else None

    @property
    def printed(self) -> float | None:
        """The accuracy as the official table holds it, which further means are taken of."""
        return None if self.accuracy is None else float(f"{self.accuracy:.4f}")


Cells = Mapping[tuple[str, str], Cell]
"""By type and length."""


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that there are."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def group(cells: Cells, kinds: Iterable[str], length: str) -> float | None:
    """The plain mean of the cells of some types, empty ones left out."""
    return mean(cells.get((kind, length), Cell()).printed for kind in kinds)


def overall(cells: Cells, length: str) -> float | None:
    """The plain mean of the nine groups, empty ones left out."""
    return mean(group(cells, kinds, length) for kinds in NINE.values())


def mean_accuracy(cells: Cells) -> float | None:
    """What the official table calls `Mean_Accuracy`: the mean of its cells. It is not the overall score."""
    return mean(cell.accuracy for cell in cells.values())
