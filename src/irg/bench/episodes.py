"""Drawing by a plan, as benchmarks ask for it: of every item and picture each turn, with its thought."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from irg.bench.harness import DrawnBatch
from irg.bench.items import Item
from irg.bench.store import Key, Rounded
from irg.core.trace import png

if TYPE_CHECKING:
    from irg.pipeline import Pipeline, Plan, Settings
    from irg.pipeline.plans import StepPlan
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
    load: "Callable[[], Pipeline]"
    plan: "Plan | StepPlan"
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
        for turn, drawn in enumerate(_turns_of(self.load(), self.plan, prompts, seeds), start=self.first):
            for episode, one in zip(episodes, drawn, strict=True):
                if one is None:
                    continue
                name = f"{episode.item}-{episode.picture}-{turn}"
                assert one.image is not None
                episode.images[turn], content[name] = name, png(one.image)
                episode.costs[turn] = self._cost(one)
                if one.thought is not None:
                    episode.thoughts[turn] = one.thought
        return DrawnBatch(tuple(episodes), content)

    def _cost(self, drawn: "Drawn") -> PictureCost:
        seconds = sum(drawn.seconds.values()) / len(self.pictures)
        return PictureCost(seconds, drawn.evaluations, drawn.num_tokens)


def _turns_of(
    pipeline: "Pipeline", plan: "Plan | StepPlan", prompts: Sequence[str], seeds: Sequence[int]
) -> "Iterator[list[Drawn | None]]":
    """What all episodes came to, turn by turn. The last picture of one that a text ended stands for later
    turns too, and took nothing in them; None where there is none."""
    from irg.engine import SeededDraws
    from irg.pipeline import Plan
    from irg.pipeline.state import Drawn

    draws = [SeededDraws(seed) for seed in seeds]
    if isinstance(plan, Plan):
        rollout = pipeline.rollout(prompts, plan, draws)
        for turn_plan in plan.turns:
            for _ in rollout.turn(turn_plan):
                pass
            yield list(rollout.drawn)
        return
    run = pipeline.planned(plan, prompts, None, seeds, draws)
    for _ in run.follow():
        pass
    for turn in range(plan.num_images):
        yield [
            turns[turn] if turn < len(turns) else Drawn(image=turns[-1].image) if turns else None
            for turns in run.turns
        ]


def in_batches(items: Sequence[Item], size: int) -> list[tuple[tuple[Item, int], ...]]:
    """All pictures of the items in order, so many at a time."""
    pictures = [(item, number) for item in items for number in range(len(item.seeds))]
    return [tuple(pictures[start : start + size]) for start in range(0, len(pictures), size)]


def drawing_header(settings: "Settings", identity: Mapping[str, Any]) -> dict[str, Any]:
    """All of a model and of its own plan that decides what it draws, as a part of a store's header."""
    plan = settings.plan(turns=2)
    return {
        # The same weights may have been given by another name.
        "model": {name: value for name, value in identity.items() if name != "name"},
        "system_prompt": settings.system_prompt,
        "size": [plan.width, plan.height],
        "first": plan.turns[0].as_json(),
        "later": plan.turns[1].as_json(),
        # Guessing ahead changes no text.
        "text": {name: value for name, value in asdict(plan.text).items() if name != "lookup"},
    }
