"""GenEval's folders: one for each prompt, with its line and its samples, which is what the official scorer
reads.
"""

import json
from collections.abc import Mapping, Sequence

from irg.bench.items import Item
from irg.bench.tree import OfficialTree, PictureFile

METADATA = "metadata.jsonl"


def files_of(item: Item) -> Sequence[PictureFile]:
    return [PictureFile(f"{item.id}/samples/{number:05d}", (number,)) for number in range(len(item.seeds))]


def texts_of(items: Sequence[Item]) -> Mapping[str, str]:
    """Beside the samples of each prompt its line, which is what the official scorer reads."""
    return {f"{item.id}/{METADATA}": json.dumps(dict(item.facts)) for item in items}


TREE = OfficialTree(files_of, r"\d+/samples/\d+", (".png",), texts_of, any_padding=True)
