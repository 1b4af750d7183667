"""The scene benchmark: prompts that training never saw, drawn turn by turn and judged by the oracle.

Turn 0 is the base: the same prompt drawn at once, without a thought. A picture is right if it shows exactly
what was asked for: every object clear, counts, colours, sizes and the relation right, nothing more.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from irg.bench.episodes import DrawnEpisode
from irg.bench.failing import found_or_failed
from irg.bench.figures import shares, summary_of
from irg.bench.harness import Progress
from irg.bench.intervals import wilson
from irg.bench.items import Item, fingerprint
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import (
    Benchmark,
    EvidenceRow,
    Hearing,
    Hearings,
    JudgeOptions,
    Sample,
    Shown,
    Summary,
    missing_pictures,
)
from irg.bench.runs import (
    BenchRun,
    Crew,
    DrawingMode,
    DrawingSettings,
    draw,
    judge_run,
    looking,
    of_drawing,
    plans_of,
)
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
from irg.bench.settings import read_settings
from irg.bench.store import SeriesStore
from irg.bench.tree import OfficialTree, PictureFile
from irg.core.files import write_atomically
from irg.core.trace import Verdict, png
from irg.pipeline import Pipeline
from irg.world import judge, parse, read
from irg.world.scene import IMAGE_SIZE

VERSION = 2
PROTOCOL = f"irg-scene-{VERSION}"
_QUESTION = "verdict"


class SceneOracle:
    """Reads every picture, and says what is wrong with it."""

    identity: Mapping[str, Any] = {"name": "oracle of the scene world", "version": VERSION}

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, list[EvidenceRow]]]:
        for one in shown:
            work = {
                number: partial(_evidence, one.item.prompt, found) for number, found in one.pictures.items()
            }
            yield one, [found_or_failed(number, _QUESTION, find) for number, find in work.items()]


def _evidence(prompt: str, picture: ShownPicture) -> dict[str, Any]:
    found = verdict(prompt, picture.open())
    return {"correct": found.correct, "flaws": list(found.flaws)}


def _oracle(options: JudgeOptions) -> nullcontext[SceneOracle]:
    read_settings(options)
    return nullcontext(SceneOracle())


def summarise_turn(items: Sequence[Item], heard: Hearings) -> Summary:
    """The share of right pictures, by family; the headline is of the main prompts."""
    samples = [
        Sample(item.id, 0, _category(item), float(right), right)
        for item in items
        if (right := _is_right(heard.get(item.id))) is not None
    ]
    expected = Counter(map(_category, items))
    main = {str(family): expected[str(family)] for family in FAMILIES if expected[str(family)]}
    return summary_of("scene", samples, expected, shares(main), missing_pictures(items, heard))


def _category(item: Item) -> str:
    return family_of(item) if group_of(item) == MAIN else group_of(item)


def _is_right(hearing: Hearing | None) -> bool | None:
    if hearing is None or not (rows := hearing.ok(0)):
        return None
    return rows[_QUESTION].evidence["correct"]


def scene_benchmark(options: SceneOptions) -> Benchmark:
    """The benchmark with so many prompts of this seed."""
    return Benchmark(
        "scene",
        VERSION,
        "prompts of the scene world that training never saw, judged by its oracle",
        lambda sources: scene_items(options),
        _oracle,
        {"scene": summarise_turn},
        OfficialTree(lambda item: [PictureFile(item.id)], r"\d{5}"),
        size=(IMAGE_SIZE, IMAGE_SIZE),
        world="scenes",
    )


SCENE = scene_benchmark(SceneOptions())


@dataclass(frozen=True)
class SceneRun:
    """What came of the items: the stores of what was drawn, at once and in turns, and what the oracle found
    by item and turn."""

    items: list[Item]
    drawn: Mapping[str, SeriesStore[DrawnEpisode]]
    heard: Mapping[tuple[str, int], Hearing]

    def thoughts(self, item: Item) -> dict[int, str]:
        found = [store.records[item.id, 0].thoughts for store in self.drawn.values()]
        return {turn: text for thoughts in found for turn, text in thoughts.items()}

    def evidence(self, item: Item) -> dict[int, Mapping[str, Any]]:
        return {
            turn: dict(rows[_QUESTION].evidence)
            for (name, turn), hearing in sorted(self.heard.items())
            if name == item.id and (rows := hearing.ok(0))
        }

    def picture(self, item: Item, turn: int) -> Image.Image:
        """Raises ImageError if it is not there any more."""
        store = self.drawn["turns" if turn else "direct"]
        return store.picture(store.records[item.id, 0].images[turn])


def run(
    pipeline: Pipeline, options: SceneOptions, folder: Path, progress: Progress | None = None
) -> SceneRun:
    """Draw and judge what `folder` does not hold yet: every item once without a thought, then over the turns.

    Each model and choice of prompts has a folder of its own there. Raises ValueError for pictures of a size
    that the oracle does not read.
    """
    benchmark, items = scene_benchmark(options), scene_items(options)
    plans = plans_of(pipeline.settings, DrawingMode.ALL, options.turns)
    benchmark.check((plan for _, plan in plans.values()), benchmark.world)
    drawing = DrawingSettings(DrawingMode.ALL, plans, pipeline.identity, pipeline.settings.system_prompt)
    place = folder / fingerprint([drawing.deciding, items, options.batch])
    place.mkdir(parents=True, exist_ok=True)
    ours = BenchRun.begin(place, benchmark, items, len(items), of_drawing(drawing, pipeline.identity))
    draw(ours, drawing, lambda: pipeline, Crew(options.batch), progress)
    store = judge_run(ours, looking(ours.drawn()), SceneOracle())
    return SceneRun(items, ours.drawn(), {hearing.key: hearing for hearing in store.records.values()})


def summarise(
    items: Sequence[Item],
    heard: Mapping[tuple[str, int], Hearing],
    options: SceneOptions,
    model: Mapping[str, Any],
) -> dict[str, Any]:
    """The benchmark's result as JSON: per turn the score with its 95% interval, also by family.

    Where evidence is missing the scores are of the pictures that have it, and `incomplete` says so.
    """
    turns = range(options.turns + 1)
    keys = [(item.id, turn) for item in items for turn in turns]
    right = {key: found for key in keys if (found := _is_right(heard.get(key))) is not None}
    groups = {name: [item for item in items if group_of(item) == name] for name in GROUPS}
    main = groups.pop(MAIN)
    families = {str(family): [item for item in main if family_of(item) == family] for family in FAMILIES}

    def score(some: Sequence[Item], turn: int) -> dict[str, Any]:
        return _score([right[item.id, turn] for item in some if (item.id, turn) in right])

    summary = {
        "protocol": PROTOCOL,
        "prompts": len(main),
        "seed": options.seed,
        "model": model,
        "turns": [
            {"turn": turn}
            | score(main, turn)
            | {"families": {name: score(some, turn) for name, some in families.items()}}
            | {name: score(some, turn) for name, some in groups.items()}
            for turn in turns
        ],
        "changes": [
            {"from": turn, "to": turn + 1} | _changes(right, main, turn) for turn in range(1, options.turns)
        ],
    }
    missing = _missing(items, heard, turns)
    if not missing:
        return summary
    told = {"expected": len(keys), "judged": len(right), "missing": missing}
    return summary | {"incomplete": told}


def _missing(
    items: Sequence[Item], heard: Mapping[tuple[str, int], Hearing], turns: Iterable[int]
) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for turn in turns:
        of_turn = {item: hearing for (item, of), hearing in heard.items() if of == turn}
        reasons.update(missing_pictures(items, of_turn))
    return dict(reasons)


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


def _score(rights: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(rights), len(rights))
    score = sum(rights) / len(rights) if rights else 0.0
    return {"score": round(score, 4), "low": round(low, 4), "high": round(high, 4), "count": len(rights)}


def _changes(right: Mapping[tuple[str, int], bool], items: Sequence[Item], turn: int) -> dict[str, int]:
    """How many pictures the next turn put right, and how many right ones it broke."""
    before, after = ([right.get((item.id, one)) for item in items] for one in (turn, turn + 1))
    pairs = list(zip(before, after, strict=True))
    return {"fixed": pairs.count((False, True)), "broken": pairs.count((True, False))}
