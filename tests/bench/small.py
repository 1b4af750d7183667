"""A small benchmark: which colour has a picture? Its judge counts what it is asked."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from irg.bench.figures import shares, summary_of
from irg.bench.items import Item, seeds_of
from irg.bench.protocol import (
    Benchmark,
    EvidenceRow,
    Hearings,
    Sample,
    Shown,
    Status,
    Summary,
    missing_pictures,
)
from irg.bench.tree import OfficialTree, PictureFile
from irg.core.trace import png

RED, BLUE = (png(Image.new("RGB", (8, 8), colour)) for colour in ("red", "blue"))
ITEMS = [
    Item(f"{number}", ("red", "blue")[number % 2], seeds_of("colours", f"{number}", 2), {"kind": kind})
    for number, kind in enumerate(("plain", "plain", "odd"))
]


@dataclass
class ColourJudge:
    """`refused` are the ids of items of which nothing is found out."""

    refused: tuple[str, ...] = ()
    asked: list[tuple[str, int]] = field(default_factory=list)
    identity: dict[str, Any] = field(default_factory=lambda: {"name": "colours", "revision": 1})

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, list[EvidenceRow]]]:
        for one in shown:
            self.asked.append((one.item.id, one.turn))
            status = Status.JUDGE_ERROR if one.item.id in self.refused else Status.OK
            yield (
                one,
                [
                    EvidenceRow(number, "colour", {"seen": list(found.open().getpixel((0, 0)))}, status)
                    for number, found in one.pictures.items()
                ],
            )


def summarise(items: Sequence[Item], heard: Hearings) -> Summary:
    samples = []
    for item in items:
        for number in range(len(item.seeds)):
            hearing = heard.get(item.id)
            if hearing is not None and (rows := hearing.ok(number)):
                right = (
                    rows["colour"].evidence["seen"] == {"red": [255, 0, 0], "blue": [0, 0, 255]}[item.prompt]
                )
                samples.append(Sample(item.id, number, item.facts["kind"], float(right), right))
    expected = {kind: 2 * sum(item.facts["kind"] == kind for item in items) for kind in ("plain", "odd")}
    return summary_of("colours", samples, expected, shares(expected), missing_pictures(items, heard))


def _items(sources: Path) -> list[Item]:
    return list(ITEMS)


COLOURS = Benchmark(
    "colours",
    3,
    "which colour has a picture",
    _items,
    lambda options: nullcontext(ColourJudge()),
    {"colours": summarise},
    OfficialTree(
        lambda item: [PictureFile(f"{int(item.id):03d}/samples/{n}", (n,)) for n in range(2)],
        r"\d+/samples/\d+",
        (".png", ".jpg"),
    ),
)
