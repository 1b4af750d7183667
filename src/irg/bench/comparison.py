"""The comparison: does reflecting make better pictures, and is it the reflection that does it?

Every prompt of the scene benchmark is drawn under every condition (`conditions`) with several seeds. What is
done is saved batch by batch in `items.jsonl`, so that an interrupted run goes on where it stopped.
"""

import json
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from irg.bench.conditions import Condition, turn_name
from irg.bench.records import Record
from irg.bench.scene import Outcome, SceneOptions, scene_items, sheet
from irg.bench.trials import Trial
from irg.core.files import write_atomically
from irg.core.trace import Verdict, png
from irg.pipeline import Pipeline

PROTOCOL = "irg-scene-compare-1"
ITEMS, SHEET = "items.jsonl", "scene_sheet.png"
_SHOWN = 24
"""Prompts of the contact sheet: the first, not picked."""
_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class CompareOptions:
    """Prompts of the main split (a fifth as many combinations are added) and which, the seeds each is drawn
    with, turns, and episodes that run in step."""

    prompts: int = 1000
    seeds: tuple[int, ...] = (0, 1)
    turns: int = 4
    seed: int = 0
    batch: int = 32
    resamples: int = 10_000

    def __post_init__(self) -> None:
        for name, least in (("prompts", 1), ("turns", 2), ("batch", 2), ("resamples", 1000)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} {getattr(self, name)}: expected at least {least}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds {list(self.seeds)}: expected different numbers of at least 0, and any")


def compare_items(options: CompareOptions) -> list[Record]:
    """What is to be drawn: the prompts of `scene_items`, once with each seed, those of seed 0 as there."""
    items = scene_items(SceneOptions(options.prompts, seed=options.seed))
    return [
        Record(replace(item, seed=seed * _SEED_STRIDE + index), seed, index)
        for seed in options.seeds
        for index, item in enumerate(items)
    ]


def run(
    models: tuple[Pipeline, Pipeline | None],
    options: CompareOptions,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Draw and score what `folder` does not hold yet. Returns all records, in the order of `compare_items`.

    `models` are the model and, if there is one, the base that it was trained from. Raises ValueError if the
    folder holds another run's items, or if plots cannot be drawn at the end.
    """
    if find_spec("matplotlib") is None:
        raise ValueError("plots need matplotlib, which is missing: pip install 'irg[bench]'")
    folder.mkdir(parents=True, exist_ok=True)
    header = run_header(models, options)
    done = {record.key: record for record in load(folder / ITEMS, header)}
    wanted = compare_items(options)
    batches = _batches([record for record in wanted if record.key not in done], options.batch)
    if progress is not None:
        progress(len(done.keys() & {record.key for record in wanted}), len(wanted))
    for batch in batches:
        trial = Trial(*models, batch, options.turns)
        trial.run()
        if (batch[0].seed, batch[0].index) == wanted[0].key:
            write_atomically(folder / SHEET, png(_sheet(trial, options)))
        done |= {record.key: record for record in trial.records}
        save(folder / ITEMS, header, done.values())
        if progress is not None:
            progress(len(done.keys() & {record.key for record in wanted}), len(wanted))
    return [done[record.key] for record in wanted]


def run_header(models: tuple[Pipeline, Pipeline | None], options: CompareOptions) -> dict[str, Any]:
    """What has to agree for two runs to be one. More seeds may be added to a run."""
    model, base = models
    plan = model.settings.plan(turns=options.turns)
    return {
        "protocol": PROTOCOL,
        "model": model.identity,
        "base": base.identity if base is not None else None,
        "prompts": options.prompts,
        "seed": options.seed,
        "turns": options.turns,
        "batch": options.batch,
        "first": asdict(plan.turns[0]),
        "later": asdict(plan.turns[1]),
        "text": asdict(plan.text),
    }


def load(path: Path, header: dict[str, Any]) -> list[Record]:
    """The records of a run with this header; none if there is no file."""
    if not path.exists():
        return []
    first, *lines = path.read_text().splitlines()
    found, expected = json.loads(first), json.loads(json.dumps(header))
    if found != expected:
        differing = [name for name in expected if found.get(name) != expected[name]]
        raise ValueError(
            f"{path} is of another run ({', '.join(differing)} differ): choose another folder, or delete it"
        )
    return [Record.from_line(line) for line in lines]


def save(path: Path, header: dict[str, Any], records: Seq[Record] | Any) -> None:
    ordered = sorted(records, key=lambda record: record.key)
    lines = [json.dumps(header), *(record.as_line() for record in ordered)]
    write_atomically(path, "\n".join(lines) + "\n")


def _batches(records: Seq[Record], size: int) -> list[Seq[Record]]:
    """Batches of at least two: one of them borrows another's reflection."""
    batches = [records[start : start + size] for start in range(0, len(records), size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [[*batches[-2], *batches[-1]]]
    return batches


def _sheet(trial: Trial, options: CompareOptions) -> Any:
    """The first prompts, not picked: each drawn at once, and then turn by turn."""
    names = [str(Condition.BASE), *map(turn_name, range(1, options.turns + 1))]
    outcomes = []
    for row, record in enumerate(trial.records[:_SHOWN]):
        outcome = Outcome(record.item)
        for place, name in enumerate(names):
            outcome.pictures[place] = trial.images[name][row]
            result = record.results[name]
            outcome.verdicts[place] = Verdict(result.correct, result.flaws)
        outcomes.append(outcome)
    return sheet(outcomes, columns=3)
