"""The scene benchmark: prompts that training never saw, drawn turn by turn and judged by the oracle.

Turn 0 is the base: the same prompt drawn at once, without a thought. A picture is right if it shows exactly
what was asked for: every object clear, counts, colours, sizes and the relation right, nothing more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from irg.bench.episodes import DrawnEpisode, EpisodeBatch, drawing_header, in_batches
from irg.bench.harness import Progress, draw_missing
from irg.bench.intervals import wilson
from irg.bench.items import Item, fingerprint
from irg.bench.judging import Evidence, Judged, Judgement, incomplete, judge_missing
from irg.bench.scene.items import (
    FAMILIES,
    GROUPS,
    MAIN,
    SceneOptions,
    family_of,
    group_of,
    scene_items,
)
from irg.bench.scene.sheet import SHOWN, SheetRow, contact_sheet
from irg.bench.store import SeriesStore
from irg.core.files import write_atomically
from irg.core.trace import Verdict, png
from irg.pipeline import Pipeline
from irg.world import judge, parse, read
from irg.world.scene import IMAGE_SIZE

PROTOCOL = "irg-scene-2"
_QUESTION = "verdict"


@dataclass(frozen=True)
class SceneRun:
    """What came of the items: the stores of what was drawn, at once and in turns, and the evidence of it."""

    items: list[Item]
    drawn: tuple[SeriesStore[DrawnEpisode], ...]
    judged: Judged

    def thoughts(self, item: Item) -> dict[int, str]:
        return {
            turn: text for store in self.drawn for turn, text in store.records[item.id, 0].thoughts.items()
        }

    def evidence(self, item: Item) -> dict[int, Evidence]:
        return {row.turn: row.evidence for row in self.judged.rows if row.item == item.id}

    def picture(self, item: Item, turn: int) -> Image.Image:
        """Raises ImageError if it is not there any more."""
        store = self.drawn[min(turn, 1)]
        return store.picture(store.records[item.id, 0].images[turn])


def run(
    pipeline: Pipeline, options: SceneOptions, folder: Path, progress: Progress | None = None
) -> SceneRun:
    """Draw and judge what `folder` does not hold yet: every item once without a thought, then over the turns.

    Each model and choice of prompts has a folder of its own there. Raises ValueError for pictures of a size
    that the oracle does not read.
    """
    items, settings = scene_items(options), pipeline.settings
    plans = {"direct": settings.plan(turns=1, think=False), "turns": settings.plan(turns=options.turns)}
    size = (plans["turns"].width, plans["turns"].height)
    if size != (IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(f"pictures of {size[0]}x{size[1]}: the oracle reads {IMAGE_SIZE}x{IMAGE_SIZE}")
    header = _header(pipeline, options, items)
    place = folder / fingerprint(header)
    place.mkdir(parents=True, exist_ok=True)
    stores = {name: SeriesStore(place, name, header, DrawnEpisode) for name in plans}
    batches = [
        EpisodeBatch(name, pipeline, plan, pictures, first)
        for first, (name, plan) in enumerate(plans.items())
        for pictures in in_batches(items, options.batch)
    ]
    draw_missing(batches, stores, progress=progress)
    rows = SeriesStore(place, "judgements", header, Judgement)
    drawn = tuple(stores.values())
    return SceneRun(items, drawn, judge_missing(items, drawn, _evidence, rows))


def summarise(
    items: Sequence[Item], judged: Judged, options: SceneOptions, model: Mapping[str, Any]
) -> dict[str, Any]:
    """The benchmark's result as JSON: per turn the score with its 95% interval, also by family.

    Where evidence is missing the scores are of the pictures that have it, and `incomplete` says so.
    """
    right = {(row.item, row.turn): row.evidence["correct"] for row in judged.rows}
    groups = {name: [item for item in items if group_of(item) == name] for name in GROUPS}
    main = groups.pop(MAIN)
    families = {str(family): [item for item in main if family_of(item) == family] for family in FAMILIES}

    def score(some: Sequence[Item], turn: int) -> dict[str, Any]:
        return _score([right[item.id, turn] for item in some if (item.id, turn) in right])

    turns = [
        {"turn": turn}
        | score(main, turn)
        | {"families": {name: score(some, turn) for name, some in families.items()}}
        | {name: score(some, turn) for name, some in groups.items()}
        for turn in range(options.turns + 1)
    ]
    changes = [
        {"from": turn, "to": turn + 1} | _changes(right, main, turn) for turn in range(1, options.turns)
    ]
    summary = {
        "protocol": PROTOCOL,
        "prompts": len(main),
        "seed": options.seed,
        "model": model,
        "turns": turns,
        "changes": changes,
    }
    missing = incomplete(items, range(options.turns + 1), judged)
    return summary | ({"incomplete": missing} if missing else {})


def save(found: SceneRun, summary: Mapping[str, Any], folder: Path) -> None:
    """Write `summary.json`, `items.jsonl`, and `sheet.png`: the first pictures of the run, not picked."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {
                "prompt": item.prompt,
                "family": family_of(item),
                "split": item.facts["split"],
                "seed": item.seeds[0],
                "thoughts": found.thoughts(item),
                "verdicts": found.evidence(item),
            }
        )
        for item in found.items
    ]
    write_atomically(folder / "items.jsonl", "\n".join(lines) + "\n")
    write_atomically(folder / "sheet.png", png(sheet(found)))
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1) + "\n")


def sheet(found: SceneRun) -> Image.Image:
    """The first items that have pictures of all turns that any has."""
    seen = [(item, found.evidence(item)) for item in found.items[:SHOWN]]
    turns = max((list(evidence) for _, evidence in seen), key=len)
    rows = [
        SheetRow(
            item.prompt,
            tuple(found.picture(item, turn) for turn in turns),
            tuple(evidence[turn]["correct"] for turn in turns),
        )
        for item, evidence in seen
        if list(evidence) == turns
    ]
    return contact_sheet([f"turn {turn}" for turn in turns], rows)


def verdict(prompt: str, image: Image.Image) -> Verdict:
    return Verdict.of(judge(parse(prompt), read(np.asarray(image))))


def _evidence(item: Item, image: Image.Image) -> dict[str, Evidence]:
    judged = verdict(item.prompt, image)
    return {_QUESTION: {"correct": judged.correct, "flaws": list(judged.flaws)}}


def _header(pipeline: Pipeline, options: SceneOptions, items: Sequence[Item]) -> dict[str, Any]:
    """What has to agree for two runs to be one; batches decide on rounding."""
    return {
        "protocol": PROTOCOL,
        **drawing_header(pipeline.settings, pipeline.identity),
        "items": fingerprint(items),
        "turns": options.turns,
        "batch": options.batch,
    }


def _score(rights: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(rights), len(rights))
    score = sum(rights) / len(rights) if rights else 0.0
    return {"score": round(score, 4), "low": round(low, 4), "high": round(high, 4), "count": len(rights)}


def _changes(right: Mapping[tuple[str, int], bool], items: Sequence[Item], turn: int) -> dict[str, int]:
    """How many pictures the next turn put right, and how many right ones it broke."""
    before, after = ([right.get((item.id, one)) for item in items] for one in (turn, turn + 1))
    pairs = list(zip(before, after, strict=True))
    return {"fixed": pairs.count((False, True)), "broken": pairs.count((True, False))}
