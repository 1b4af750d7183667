"""What the comparison keeps of each picture, as lines of JSON."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from irg.bench.scene.benchmark import Item
from irg.bench.scene.fidelity import Fidelity
from irg.bench.scene.reflections import Check


@dataclass(frozen=True)
class Cost:
    """What a picture took from the prompt on: wall-clock seconds (of its batch, shared equally), runs of the
    model to draw, and tokens of text that it wrote."""

    seconds: float = 0.0
    evaluations: int = 0
    tokens: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.seconds + other.seconds, self.evaluations + other.evaluations, self.tokens + other.tokens
        )


@dataclass(frozen=True)
class Result:
    """One picture under one condition. `check` is of the reflection that it was drawn from, if the model
    wrote one."""

    correct: bool
    flaws: tuple[str, ...]
    fidelity: Fidelity
    cost: Cost
    thought: str | None = None
    check: Check | None = None


@dataclass(frozen=True)
class Choice:
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
class Record:
    """One prompt with one seed: its pictures by condition."""

    item: Item
    seed: int
    index: int
    results: dict[str, Result] = field(default_factory=dict)
    choice: Choice | None = None

    @property
    def key(self) -> tuple[int, int]:
        return self.seed, self.index

    def as_line(self) -> str:
        return json.dumps(
            {
                "prompt": self.item.prompt,
                "family": self.item.family,
                "split": self.item.split,
                "seed": self.seed,
                "index": self.index,
                "picture_seed": self.item.seed,
                "choice": asdict(self.choice) if self.choice else None,
                "results": {name: _result_as_json(result) for name, result in self.results.items()},
            }
        )

    @classmethod
    def from_line(cls, line: str) -> "Record":
        content = json.loads(line)
        item = Item(content["prompt"], content["family"], content["split"], content["picture_seed"])
        chosen = content["choice"]
        return cls(
            item,
            content["seed"],
            content["index"],
            {name: _result_from_json(result) for name, result in content["results"].items()},
            Choice(tuple(chosen["flaws"]), tuple(chosen["log_likelihoods"])) if chosen else None,
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
        Cost(**content["cost"]),
        content.get("thought"),
        _check_from_json(check) if check else None,
    )


def _check_from_json(content: dict[str, Any]) -> Check:
    named = content["named"]
    return Check(
        tuple(content["present"]),
        None if named is None else tuple(named),
        content["target"],
        content["described_right"],
    )
