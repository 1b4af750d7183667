"""Drawing by a plan, as benchmarks ask for it: of every item and picture each turn, with its thought."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from irg.bench.harness import DrawnBatch
from irg.bench.items import Item
from irg.bench.store import Key
from irg.core.events import ImageDone, ThoughtDone
from irg.core.trace import png
from irg.pipeline import Pipeline, Plan, Settings


@dataclass(frozen=True)
class DrawnEpisode:
    """One picture of an item, turn by turn: the thoughts, and the pictures by their names in the store."""

    item: str
    picture: int
    thoughts: dict[int, str]
    images: dict[int, str]

    @property
    def key(self) -> Key:
        return self.item, self.picture


@dataclass(frozen=True, eq=False)
class EpisodeBatch:
    """Some pictures, each as its item and number, that a pipeline draws in step by a plan. The plan's first
    turn is counted as `first`."""

    series: str
    pipeline: Pipeline
    plan: Plan
    pictures: tuple[tuple[Item, int], ...]
    first: int = 1

    @property
    def keys(self) -> Iterator[Key]:
        return ((item.id, number) for item, number in self.pictures)

    @property
    def amount(self) -> int:
        return len(self.pictures)

    def draw(self) -> DrawnBatch[DrawnEpisode]:
        episodes = [DrawnEpisode(item.id, number, {}, {}) for item, number in self.pictures]
        content: dict[str, bytes] = {}
        prompts = [item.prompt for item, _ in self.pictures]
        seeds = [item.seeds[number] for item, number in self.pictures]
        for row, event in self.pipeline.generate_batch(prompts, self.plan, seeds):
            if isinstance(event, ThoughtDone):
                episodes[row].thoughts[event.turn - 1 + self.first] = event.text
            elif isinstance(event, ImageDone):
                turn = event.turn - 1 + self.first
                name = f"{episodes[row].item}-{episodes[row].picture}-{turn}"
                episodes[row].images[turn], content[name] = name, png(event.image)
        return DrawnBatch(tuple(episodes), content)


def in_batches(items: Sequence[Item], size: int) -> list[tuple[tuple[Item, int], ...]]:
    """All pictures of the items in order, so many at a time."""
    pictures = [(item, number) for item in items for number in range(len(item.seeds))]
    return [tuple(pictures[start : start + size]) for start in range(0, len(pictures), size)]


def drawing_header(settings: Settings, identity: Mapping[str, Any]) -> dict[str, Any]:
    """All of a model and of its own plan that decides what it draws, as a part of a store's header."""
    plan = settings.plan(turns=2)
    return {
        # The same weights may have been given by another name.
        "model": {name: value for name, value in identity.items() if name != "name"},
        "system_prompt": settings.system_prompt,
        "size": [plan.width, plan.height],
        "first": asdict(plan.turns[0]),
        "later": asdict(plan.turns[1]),
        "text": asdict(plan.text),
    }
