"""The round trip of a benchmark's pictures through its official tree."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from irg.bench.items import Item
from irg.bench.pictures import ShownPicture
from irg.bench.tree import OfficialTree, content_of, write_tree
from irg.core.trace import png


def check_round_trip(tree: OfficialTree, items: Sequence[Item], folder: Path) -> None:
    """Every picture but the last comes back with its bytes, and that one is told to be missing."""
    rng = np.random.default_rng(0)
    keys = [(item.id, number) for item in items for number in range(len(item.seeds))]
    noise = [Image.fromarray(rng.integers(0, 256, (7, 9, 3), np.uint8)) for _ in keys]
    drawn = {key: png(one) for key, one in zip(keys[:-1], noise, strict=False)}

    def look(item: Item, turn: int) -> dict[int, ShownPicture | str]:
        return {
            number: ShownPicture(drawn[item.id, number]) if (item.id, number) in drawn else "no picture"
            for number in range(len(item.seeds))
        }

    assert write_tree(tree, items, look, 1, folder) == {"no picture": 1}
    content = content_of(tree, items, folder)
    assert [*content.faults] == ["missing"] and len(content.missing) == 1
    found = {
        (item.id, number): one.data
        for item in items
        for number, one in content.pictures(item).items()
        if isinstance(one, ShownPicture)
    }
    assert found == drawn
