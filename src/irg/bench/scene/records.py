"""What the comparison keeps of each picture; as JSON these are the lines of its records' files."""

from dataclasses import dataclass

from irg.bench.episodes import PictureCost
from irg.bench.items import Item
from irg.bench.scene.fidelity import Fidelity
from irg.bench.scene.items import group_of, scene_item
from irg.bench.scene.reflections import ReflectionCheck
from irg.bench.store import Key


@dataclass(frozen=True)
class Result:
    """One picture under one condition. `check` is of the reflection that it was drawn from, if the model
    wrote one."""

    correct: bool
    fidelity: Fidelity
    cost: PictureCost
    flaws: tuple[str, ...] = ()
    thought: str | None = None
    check: ReflectionCheck | None = None


@dataclass(frozen=True)
class BestOfTwo:
    """How the model chose between two first turns: flaws it named in each (None: unreadable), and how
    likely it found it to write that nothing is wrong."""

    flaws: tuple[int | None, int | None]
    log_likelihoods: tuple[float, float]

    @property
    def chosen(self) -> int:
        """0 or 1: fewer flaws, then the likelier praise, then the first."""
        ranks = [
            (float("inf") if flaws is None else flaws, -likelihood)
            for flaws, likelihood in zip(self.flaws, self.log_likelihoods, strict=True)
        ]
        return int(ranks[1] < ranks[0])


@dataclass(frozen=True)
class PromptRecord:
    """One prompt with one seed, which makes the `picture_seed`; and what was drawn, by condition."""

    prompt: str
    family: str
    split: str
    seed: int
    index: int
    picture_seed: int
    choice: BestOfTwo | None
    results: dict[str, Result]

    @property
    def key(self) -> Key:
        return self.seed, self.index

    @property
    def item(self) -> Item:
        return scene_item(self.index, self.prompt, self.family, self.split, self.picture_seed)

    @property
    def group(self) -> str:
        return group_of(self.item)
