"""Official folder trees: where one keeps the pictures of a turn, and what is wrong with one that is given.

A tree holds one turn; turns are trees side by side. A file holds one picture, or a grid of several.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from irg.bench.items import Item


@dataclass(frozen=True)
class PictureFile:
    """A file of a tree, as a path without its suffix, and the numbers of the pictures in it in reading order.

    `columns` is of a grid.
    """

    path: str
    pictures: tuple[int, ...] = (0,)
    columns: int = 1


def _nothing(items: Sequence[Item]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class OfficialTree:
    """Where the pictures of an item are, which suffixes a reader takes (a writer the first of them), and by
    path the texts that belong beside them.

    `numbered` is a pattern that the paths of all pictures match in full, suffix aside, whatever their
    numbers: what matches it, and is no item's place, has a wrong number.
    """

    files: Callable[[Item], Sequence[PictureFile]]
    numbered: str
    suffixes: tuple[str, ...] = (".png",)
    texts: Callable[[Sequence[Item]], Mapping[str, str]] = field(default=_nothing)
