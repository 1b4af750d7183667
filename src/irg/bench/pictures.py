"""Pictures as judges see them, wherever a run has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from irg.bench.items import Item
from irg.core.picture import Picture

NOT_DRAWN = "no picture"


@dataclass(frozen=True)
class ShownPicture(Picture):
    """A picture as a judge sees it: the untouched bytes of its file (of a grid those of the tile, as PNG)."""

    path: Path = Path()

    @cached_property
    def sha256(self) -> str:
        return sha256(self.data).hexdigest()


Look = Callable[[Item, int], Mapping[int, ShownPicture | str]]
"""The pictures of an item in a turn by their numbers, or why there is none."""
