"""The scene benchmark: prompts that training never saw, drawn turn by turn and judged by the oracle.

Turn 0 is the base: the same prompt drawn at once, without a thought. A picture is right if it shows exactly
what was asked for: every object clear, counts, colours, sizes and the relation right, nothing more. The main
prompts are held-out wordings of the six GenEval families. Two groups are counted beside them: `combinations`
need colour-shape pairs or counts that no training picture showed, and `compounds` are held-out wordings of
longer prompts, in which counts, colours, sizes and relations come together.
"""

import json
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL import Image

from irg.bench.intervals import wilson
from irg.core.events import ImageDone, ThoughtDone
from irg.core.files import write_atomically
from irg.core.trace import Verdict, png
from irg.pipeline import Pipeline, Plan
from irg.world import Family, Split, judge, parse, read, sample_prompt

PROTOCOL = "irg-scene-2"
FAMILIES = (
    Family.SINGLE,
    Family.TWO,
    Family.COUNTING,
    Family.COLORS,
    Family.POSITION,
    Family.ATTRIBUTION,
)
COMBINATION_FAMILIES = (Family.COUNTING, Family.COLORS, Family.ATTRIBUTION)
MAIN, COMBINATIONS, COMPOUNDS = "main", "combinations", "compounds"
_TRIES = 50
"""Draws of a new wording before a repeated one is taken: the small families run out of held-out wordings."""


@dataclass(frozen=True)
class Item:
    """One prompt of the benchmark."""

    prompt: str
    family: str
    split: str
    seed: int

    @property
    def group(self) -> str:
        """Which of `MAIN`, `COMBINATIONS` and `COMPOUNDS` it counts for; no two are ever added up."""
        if self.split == Split.COMBINATIONS:
            return COMBINATIONS
        return COMPOUNDS if self.family == Family.COMPOUND else MAIN


class HasItem(Protocol):
    """What came of an item, in whichever form."""

    @property
    def item(self) -> Item: ...


Found = TypeVar("Found", bound=HasItem)


def of_group(found: Iterable[Found], group: str) -> list[Found]:
    return [one for one in found if one.item.group == group]


@dataclass
class Outcome:
    """What came of an item: thoughts, pictures and verdicts by turn."""

    item: Item
    thoughts: dict[int, str] = field(default_factory=dict)
    pictures: dict[int, Image.Image] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)


@dataclass(frozen=True)
class SceneOptions:
    """Main prompts (a fifth as many of each other group are added), turns, and which prompts."""

    prompts: int = 300
    turns: int = 2
    seed: int = 0
    batch: int = 32

    def __post_init__(self) -> None:
        for name in ("prompts", "turns", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: expected at least 1")


def scene_items(options: SceneOptions) -> list[Item]:
    """The prompts: families in turn, so that any number of them is balanced."""
    rng = np.random.default_rng([options.seed, 7001])
    items = _sample(rng, FAMILIES, Split.HELD_OUT, options.prompts)
    added = max(options.prompts // 5, 1)
    items += _sample(rng, COMBINATION_FAMILIES, Split.COMBINATIONS, added)
    items += _sample(rng, (Family.COMPOUND,), Split.HELD_OUT, added)
    return [
        Item(prompt, family, split, options.seed * 1_000_003 + i)
        for i, (prompt, family, split) in enumerate(items)
    ]


def run(
    pipeline: Pipeline, options: SceneOptions, progress: Callable[[int, int], None] | None = None
) -> list[Outcome]:
    """Draw and judge every item: once without a thought, then with thoughts over the turns."""
    outcomes = [Outcome(item) for item in scene_items(options)]
    base = pipeline.settings.plan(turns=1, think=False)
    full = pipeline.settings.plan(turns=options.turns)
    done, total = 0, 2 * len(outcomes)
    for plan, first in ((base, 0), (full, 1)):
        for start in range(0, len(outcomes), options.batch):
            batch = outcomes[start : start + options.batch]
            _draw(pipeline, batch, plan, first)
            done += len(batch)
            if progress is not None:
                progress(done, total)
    return outcomes


def summarise(outcomes: Seq[Outcome], options: SceneOptions, model: dict[str, Any]) -> dict[str, Any]:
    """The benchmark's result as JSON: per turn the score with its 95% interval, also by family."""
    main, combined, compound = (of_group(outcomes, group) for group in (MAIN, COMBINATIONS, COMPOUNDS))
    turns = []
    for turn in range(options.turns + 1):
        families = {
            str(family): _score([outcome for outcome in main if outcome.item.family == family], turn)
            for family in FAMILIES
        }
        turns.append(
            {"turn": turn}
            | _score(main, turn)
            | {"families": families, COMBINATIONS: _score(combined, turn), COMPOUNDS: _score(compound, turn)}
        )
    changes = [
        {"from": turn, "to": turn + 1} | _changes(main, turn, turn + 1) for turn in range(1, options.turns)
    ]
    return {
        "protocol": PROTOCOL,
        "prompts": len(main),
        "seed": options.seed,
        "model": model,
        "turns": turns,
        "changes": changes,
    }


def save(outcomes: Seq[Outcome], summary: dict[str, Any], folder: Path) -> None:
    """Write `summary.json`, `items.jsonl`, and `sheet.png`: the first pictures of the run, not picked."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {
                "prompt": outcome.item.prompt,
                "family": outcome.item.family,
                "split": outcome.item.split,
                "seed": outcome.item.seed,
                "thoughts": outcome.thoughts,
                "verdicts": {
                    turn: {"correct": verdict.correct, "flaws": list(verdict.flaws)}
                    for turn, verdict in outcome.verdicts.items()
                },
            }
        )
        for outcome in outcomes
    ]
    write_atomically(folder / "items.jsonl", "\n".join(lines) + "\n")
    write_atomically(folder / "sheet.png", png(sheet(outcomes[:24])))
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1) + "\n")


def sheet(outcomes: Seq[Outcome], columns: int = 4) -> Image.Image:
    """A contact sheet: each item's pictures side by side, framed green where right and red where not."""
    shown = [[_framed(outcome, turn) for turn in sorted(outcome.pictures)] for outcome in outcomes]
    width, height = shown[0][0].size
    cell = (len(shown[0]) * width + 12, height + 12)
    canvas = Image.new("RGB", (columns * cell[0], -(-len(shown) // columns) * cell[1]), "white")
    for index, pictures in enumerate(shown):
        left, top = index % columns * cell[0] + 6, index // columns * cell[1] + 6
        for place, picture in enumerate(pictures):
            canvas.paste(picture, (left + place * width, top))
    return canvas


def _sample(
    rng: np.random.Generator, families: Seq[Family], split: Split, count: int
) -> list[tuple[str, str, str]]:
    seen: set[str] = set()
    items = []
    for index in range(count):
        family, prompt = families[index % len(families)], ""
        for _ in range(_TRIES):
            _, prompt = sample_prompt(rng, family, split)
            if prompt not in seen:
                break
        seen.add(prompt)
        items.append((prompt, str(family), str(split)))
    return items


def _draw(pipeline: Pipeline, batch: Seq[Outcome], plan: Plan, first: int) -> None:
    prompts, seeds = [outcome.item.prompt for outcome in batch], [outcome.item.seed for outcome in batch]
    for row, event in pipeline.generate_batch(prompts, plan, seeds):
        if isinstance(event, ThoughtDone):
            batch[row].thoughts[event.turn] = event.text
        elif isinstance(event, ImageDone):
            turn = event.turn - 1 + first
            batch[row].pictures[turn] = event.image
            batch[row].verdicts[turn] = verdict(batch[row].item.prompt, event.image)


def verdict(prompt: str, image: Image.Image) -> Verdict:
    return Verdict.of(judge(parse(prompt), read(np.asarray(image))))


def _score(outcomes: Seq[Outcome], turn: int) -> dict[str, Any]:
    right = sum(outcome.verdicts[turn].correct for outcome in outcomes)
    low, high = wilson(right, len(outcomes))
    score = right / len(outcomes) if outcomes else 0.0
    return {"score": round(score, 4), "low": round(low, 4), "high": round(high, 4), "count": len(outcomes)}


def _changes(outcomes: Seq[Outcome], before: int, after: int) -> dict[str, int]:
    """How many pictures a turn put right, and how many right ones it broke."""
    pairs = [(outcome.verdicts[before].correct, outcome.verdicts[after].correct) for outcome in outcomes]
    return {"fixed": pairs.count((False, True)), "broken": pairs.count((True, False))}


def _framed(outcome: Outcome, turn: int) -> Image.Image:
    picture = outcome.pictures[turn]
    frame = Image.new(
        "RGB",
        (picture.width + 6, picture.height + 6),
        "#2e9d4f" if outcome.verdicts[turn].correct else "#d33c3c",
    )
    frame.paste(picture, (3, 3))
    return frame
