"""What the comparison keeps of each picture, as lines of JSON."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from irg.bench.items import Item
from irg.bench.scene.fidelity import Fidelity
from irg.bench.scene.items import family_of, group_of, scene_item
from irg.bench.scene.reflections import ReflectionCheck
from irg.bench.store import Key


@dataclass(frozen=True)
class PictureCost:
    """What a picture took from the prompt on: wall-clock seconds (of its batch, shared equally), runs of the
    model to draw, and tokens of text that it wrote."""

    seconds: float = 0.0
    evaluations: int = 0
    tokens: int = 0

    def __add__(self, other: "PictureCost") -> "PictureCost":
        return PictureCost(
            self.seconds + other.seconds, self.evaluations + other.evaluations, self.tokens + other.tokens
        )


@dataclass(frozen=True)
class Result:
    """One picture under one condition. `check` is of the reflection that it was drawn from, if the model
    wrote one."""

    correct: bool
    flaws: tuple[str, ...]
    fidelity: Fidelity
    cost: PictureCost
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
    """One prompt with one seed: its pictures by condition."""

    item: Item
    seed: int
    index: int
    results: dict[str, Result] = field(default_factory=dict)
    choice: BestOfTwo | None = None

    @property
    def key(self) -> Key:
        return self.seed, self.index

    @property
    def family(self) -> str:
        return family_of(self.item)

    @property
    def group(self) -> str:
        return group_of(self.item)

    def as_line(self) -> str:
        return json.dumps(
            {
                "prompt": self.item.prompt,
                "family": self.family,
                "split": self.item.facts["split"],
                "seed": self.seed,
                "index": self.index,
                "picture_seed": self.item.seeds[0],
                "choice": asdict(self.choice) if self.choice else None,
                "results": {name: _result_as_json(result) for name, result in self.results.items()},
            }
        )

    @classmethod
    def from_line(cls, line: str) -> "PromptRecord":
        content = json.loads(line)
        index, seed = content["index"], content["picture_seed"]
        item = scene_item(index, content["prompt"], content["family"], content["split"], seed)
        chosen = content["choice"]
        return cls(
            item,
            content["seed"],
            index,
            {name: _result_from_json(result) for name, result in content["results"].items()},
            BestOfTwo(tuple(chosen["flaws"]), tuple(chosen["log_likelihoods"])) if chosen else None,
        )


def _result_as_json(result: Result) -> dict[str, Any]:
    content: dict[str, Any] = {
        "correct": result.correct,
        "fidelity": {name: round(value, 4) for name, value in asdict(result.fidelity).items()},
        "cost": asdict(result.cost) | {"seconds": round(result.cost.seconds, 4)},
    }
    if result.flaws:
        content["flaws"] = result.flaws
    if result.thought is not None:
        content["thought"] = result.thought
    if result.check is not None:
        content["check"] = asdict(result.check)
    return content


def _result_from_json(content: dict[str, Any]) -> Result:
    check = content.get("check")
    return Result(
        content["correct"],
        tuple(content.get("flaws", ())),
        Fidelity(**content["fidelity"]),
        PictureCost(**content["cost"]),
        content.get("thought"),
        _check_from_json(check) if check else None,
    )


def _check_from_json(content: dict[str, Any]) -> ReflectionCheck:
    named = content["named"]
    return ReflectionCheck(
        tuple(content["present"]),
        None if named is None else tuple(named),
        content["target"],
        content["described_right"],
    )
