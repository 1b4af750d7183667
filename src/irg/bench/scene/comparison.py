"""The comparison: does reflecting make better pictures, and is it the reflection that does it?

The model and the base draw every prompt of the scene benchmark with several seeds. What takes long and needs
fewer pictures (later turns, ablations, other checkpoints, the curve over training) is drawn for the first of
the prompts, with the first seed. Each checkpoint's share is a series; what of it is done is saved batch by
batch (`store`), so that an interrupted run goes on where it stopped. Batches depend on the options alone.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from irg.bench.scene.benchmark import COMBINATIONS, COMPOUNDS, MAIN, SceneOptions, of_group, scene_items
from irg.bench.scene.conditions import Condition, Scope, name_of_other, turn_name
from irg.bench.scene.records import Record
from irg.bench.scene.sheet import Row, contact_sheet
from irg.bench.store import Store
from irg.bench.workers import Batch, Drawn, draw_all
from irg.core.files import write_atomically
from irg.core.trace import png
from irg.pipeline.load import Checkpoint

PROTOCOL = "irg-scene-compare-3"
SHEET = "scene_sheet.png"
SHOWN = 24
"""Prompts of the contact sheet: the first, not picked."""
_SEED_STRIDE = 1_000_003
_OF_BASE = {str(Condition.DIRECT): str(Condition.BASE), turn_name(1): str(Condition.BASE_THOUGHT)}


@dataclass(frozen=True)
class CompareOptions:
    """Main prompts (a fifth as many of each other group are added) and which, the seeds each is drawn with,
    turns, episodes that run in step, and how many prompts the ablations and the curve have."""

    prompts: int = 1000
    seeds: tuple[int, ...] = (0, 1)
    turns: int = 4
    seed: int = 0
    batch: int = 32
    ablation_prompts: int = 300
    curve_prompts: int = 150
    resamples: int = 10_000

    def __post_init__(self) -> None:
        least = {"turns": 2, "batch": 2, "resamples": 1000}
        for name in ("prompts", "turns", "batch", "ablation_prompts", "curve_prompts", "resamples"):
            if getattr(self, name) < least.get(name, 1):
                raise ValueError(f"{name} {getattr(self, name)}: expected at least {least.get(name, 1)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds {list(self.seeds)}: expected different numbers of at least 0, and any")


@dataclass(frozen=True)
class Contestants:
    """The checkpoints: the model, the base that it was trained from, others by a label, and those of the
    curve by their training steps."""

    model: Checkpoint
    base: Checkpoint | None = None
    others: Mapping[str, Checkpoint] = field(default_factory=dict)
    curve: Mapping[int, Checkpoint] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """What one checkpoint draws: groups of records, each under its scope.

    `names` are those of its conditions beside the model's own. `show`: the conditions of the contact sheet.
    """

    name: str
    checkpoint: Checkpoint
    groups: tuple[tuple[tuple[Record, ...], Scope], ...]
    names: Mapping[str, str] = field(default_factory=dict)
    show: tuple[str, ...] = ()
    step: int | None = None

    @property
    def records(self) -> list[Record]:
        return [record for records, _ in self.groups for record in records]

    def batches(self, size: int) -> Iterator[Batch]:
        first = self.records[0].seed
        for records, scope in self.groups:
            for part in in_batches(records, size):
                shown = [row for row, one in enumerate(part) if one.seed == first and one.index < SHOWN]
                yield Batch(self.name, self.checkpoint, part, scope, self.show, tuple(shown))


@dataclass(frozen=True)
class Found:
    """All records, with every checkpoint's results side by side, and those of each step of the curve."""

    records: list[Record]
    curve: dict[int, list[Record]]


def run(
    contestants: Contestants,
    options: CompareOptions,
    folder: Path,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Draw and score what `folder` does not hold yet, by so many processes; tells of pictures done and all.

    Raises ValueError if the folder holds another run's records, or if plots cannot be drawn at the end.
    """
    if find_spec("matplotlib") is None:
        raise ValueError("plots need matplotlib, which is missing: pip install 'irg[bench]'")
    folder.mkdir(parents=True, exist_ok=True)
    every = series_of(contestants, options)
    stores = {one.name: Store(folder, one.name, header_of(one, options)) for one in every}
    batches = [batch for one in every for batch in one.batches(options.batch)]
    missing = [batch for batch in batches if not stores[batch.series].has(batch.records)]
    total = sum(_num_pictures(batch) for batch in batches)
    left = sum(_num_pictures(batch) for batch in missing)

    def keep(batch: Batch, drawn: Drawn) -> None:
        nonlocal left
        stores[batch.series].add(drawn.records, drawn.pictures)
        left -= _num_pictures(batch)
        if progress is not None:
            progress(total - left, total)

    if progress is not None:
        progress(total - left, total)
    draw_all(missing, workers, keep)
    return _side_by_side(options, every, stores)


def compare_items(options: CompareOptions) -> list[Record]:
    """What is to be drawn: the prompts of `scene_items`, once with each seed, those of seed 0 as there."""
    items = scene_items(SceneOptions(options.prompts, seed=options.seed))
    return [
        Record(replace(item, seed=seed * _SEED_STRIDE + index), seed, index)
        for seed in options.seeds
        for index, item in enumerate(items)
    ]


def some(records: Seq[Record], prompts: int) -> list[Record]:
    """So many of the main prompts, and a fifth as many of each other group, with the first seed."""
    first = [record for record in records if record.seed == records[0].seed]
    added = max(prompts // 5, 1)
    main, combined, compound = (of_group(first, group) for group in (MAIN, COMBINATIONS, COMPOUNDS))
    return [*main[:prompts], *combined[:added], *compound[:added]]


def series_of(contestants: Contestants, options: CompareOptions) -> list[Series]:
    """Who draws what, the model first."""
    records = compare_items(options)
    few = some(records, options.ablation_prompts)
    keys = {record.key for record in few}
    many = [record for record in records if record.key not in keys]
    model_groups = (
        (tuple(few), Scope(options.turns, alternatives=True, ablations=True)),
        (tuple(many), Scope(2, alternatives=True)),
    )
    show = tuple(map(str, (Condition.DIRECT, turn_name(1), turn_name(2))))
    found = [Series("model", contestants.model, model_groups, show=show)]
    if contestants.base is not None:
        base_group = ((*few, *many), Scope(1))
        found.append(Series("base", contestants.base, (base_group,), _OF_BASE, show[:1]))
    for label, checkpoint in contestants.others.items():
        names = {name: name_of_other(label, name) for name in show}
        found.append(Series(f"also-{label}", checkpoint, ((tuple(few), Scope(2)),), names))
    part = of_group(some(records, options.curve_prompts), MAIN)
    for step, checkpoint in sorted(contestants.curve.items()):
        found.append(Series(f"step-{step:08d}", checkpoint, ((tuple(part), Scope(2)),), step=step))
    return found


def header_of(series: Series, options: CompareOptions) -> dict[str, Any]:
    """What has to agree for two runs to be one. More seeds may be added to a run."""
    settings = series.checkpoint.settings
    plan = settings.plan(turns=2)
    # The same weights may have been given by another name.
    model = {name: value for name, value in series.checkpoint.identity.items() if name != "name"}
    texts = dict.fromkeys(record.item.prompt for record in series.records)
    few = options.ablation_prompts if series.step is None else options.curve_prompts
    return {
        "protocol": PROTOCOL,
        "model": model,
        "prompts": options.prompts,
        "texts": hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16],
        "few": few,
        "seed": options.seed,
        "first_seed": options.seeds[0],
        "batch": options.batch,
        "scopes": [asdict(scope) for _, scope in series.groups],
        "system_prompt": settings.system_prompt,
        "size": [plan.width, plan.height],
        "first": asdict(plan.turns[0]),
        "later": asdict(plan.turns[1]),
        "text": asdict(plan.text),
    }


def in_batches(records: Seq[Record], size: int) -> list[tuple[Record, ...]]:
    """Batches of one seed each, and of at least two if there are two: one borrows another's reflection."""
    batches: list[tuple[Record, ...]] = []
    for seed in dict.fromkeys(record.seed for record in records):
        ours = [record for record in records if record.seed == seed]
        parts = [tuple(ours[start : start + size]) for start in range(0, len(ours), size)]
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts[-2:] = [(*parts[-2], *parts[-1])]
        batches += parts
    return batches


def write_sheet(contestants: Contestants, options: CompareOptions, records: Path, path: Path) -> None:
    """The first prompts, not picked: drawn at once (by the base, if there is one), then in two turns."""
    every = {one.name: one for one in series_of(contestants, options)}
    columns = [("base" if "base" in every else "model", str(Condition.DIRECT))]
    columns += [("model", turn_name(1)), ("model", turn_name(2))]
    stores = {name: Store(records, name, header_of(every[name], options)) for name, _ in columns}
    rows = [
        Row(
            record.item.prompt,
            tuple(stores[name].picture(f"{condition}-{record.index}") for name, condition in columns),
            tuple(stores[name].records[record.key].results[condition].correct for name, condition in columns),
        )
        for record in compare_items(options)[:SHOWN]
        if record.seed == options.seeds[0]
    ]
    headings = ("base" if "base" in every else "drawn at once", "turn 1", "turn 2")
    write_atomically(path, png(contact_sheet(headings, rows)))


def _num_pictures(batch: Batch) -> int:
    return len(batch.records) * batch.scope.num_pictures


def _side_by_side(options: CompareOptions, every: Seq[Series], stores: Mapping[str, Store]) -> Found:
    merged = {record.key: replace(record, results={}) for record in every[0].records}
    curve: dict[int, list[Record]] = {}
    for one in every:
        drawn = [stores[one.name].records[record.key] for record in one.records]
        if one.step is not None:
            curve[one.step] = drawn
            continue
        for record in drawn:
            old = merged[record.key]
            results = {one.names.get(name, name): result for name, result in record.results.items()}
            choice = old.choice or record.choice
            merged[record.key] = replace(old, results=old.results | results, choice=choice)
    return Found([merged[record.key] for record in compare_items(options)], curve)
