"""Drawing by a plan, as benchmarks ask for it: of every item and picture each turn, with its thought."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from irg.bench.harness import DrawnBatch
from irg.bench.items import Item
from irg.bench.store import Key, Rounded
from irg.core.trace import png
from irg.engine import SeededDraws
from irg.pipeline import Pipeline, Plan, Settings
from irg.pipeline.state import Drawn


@dataclass(frozen=True)
class PictureCost:
    """What a picture took: wall-clock seconds (of its batch, shared equally), runs of the model to draw, and
    tokens of text that it wrote."""

    seconds: Rounded
    evaluations: int
    tokens: int

    def __add__(self, other: "PictureCost") -> "PictureCost":
        return PictureCost(
            self.seconds + other.seconds, self.evaluations + other.evaluations, self.tokens + other.tokens
        )


@dataclass(frozen=True)
class DrawnEpisode:
    """One picture of an item, turn by turn: the thoughts, the pictures by their names in the store, and what
    each turn took, those before it not counted."""

    item: str
    picture: int
    thoughts: dict[int, str]
    images: dict[int, str]
    costs: dict[int, PictureCost] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> Key:
        return self.item, self.picture


@dataclass(frozen=True, eq=False)
class EpisodeBatch:
    """Some pictures, each as its item and number, that a pipeline draws in step by a plan. The plan's first
    turn is counted as `first`. `load` gives the pipeline, in whatever process draws."""

    series: str
    load: Callable[[], Pipeline]
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
        draws = [SeededDraws(item.seeds[number]) for item, number in self.pictures]
        rollout = self.load().rollout(prompts, self.plan, draws)
        for turn, turn_plan in enumerate(self.plan.turns, start=self.first):
            for _ in rollout.turn(turn_plan):
                pass
            for episode, drawn in zip(episodes, rollout.drawn, strict=True):
                name = f"{episode.item}-{episode.picture}-{turn}"
                assert drawn.image is not None
                episode.images[turn], content[name] = name, png(drawn.image)
                episode.costs[turn] = self._cost(drawn)
                if drawn.thought is not None:
                    episode.thoughts[turn] = drawn.thought
        return DrawnBatch(tuple(episodes), content)

    def _cost(self, drawn: Drawn) -> PictureCost:
        seconds = sum(drawn.seconds.values()) / len(self.pictures)
        return PictureCost(seconds, drawn.evaluations, drawn.num_tokens)


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
        "first": plan.turns[0].as_json(),
        "later": plan.turns[1].as_json(),
        "text": asdict(plan.text),
    }
