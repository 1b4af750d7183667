"""The comparison: does reflecting make better pictures, and is it the reflection that does it?

The model and the base draw every prompt of the scene benchmark with several seeds. What takes long and needs
fewer pictures (later turns, ablations, other checkpoints, the curve over training) is drawn for the first of
the prompts, with the first seed. Each checkpoint's share is a series; what of it is done is saved batch by
batch (`store`), so that an interrupted run goes on where it stopped. Batches depend on the options alone.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from irg.bench.checkpoints import loaded, one_thread
from irg.bench.episodes import drawing_header
from irg.bench.harness import DrawnBatch, Progress, draw_missing
from irg.bench.scene.conditions import Condition, Scope, name_of_other, turn_name
from irg.bench.scene.items import GROUPS, MAIN, SEED_STRIDE, SceneOptions, family_of, scene_items
from irg.bench.scene.records import PromptRecord
from irg.bench.scene.sheet import SHOWN, SheetRow, contact_sheet
from irg.bench.scene.trials import Trial
from irg.bench.store import Key, SeriesStore
from irg.core.files import write_atomically
from irg.core.trace import png
from irg.pipeline.load import NamedCheckpoint

PROTOCOL = "irg-scene-compare-4"
SHEET = "scene_sheet.png"
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

    model: NamedCheckpoint
    base: NamedCheckpoint | None = None
    others: Mapping[str, NamedCheckpoint] = field(default_factory=dict)
    curve: Mapping[int, NamedCheckpoint] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialBatch:
    """Some prompts that a checkpoint draws, for the series of that name. Of the rows `shown` the pictures
    under the conditions `show` are kept as well. What to draw next depends on what the oracle has read, so
    that pictures are judged as they are drawn. On a CPU one thread draws: see `one_thread`."""

    series: str
    checkpoint: NamedCheckpoint
    records: tuple[PromptRecord, ...]
    scope: Scope
    show: tuple[str, ...] = ()
    shown: tuple[int, ...] = ()

    @property
    def keys(self) -> list[Key]:
        return [record.key for record in self.records]

    @property
    def amount(self) -> int:
        return len(self.records) * self.scope.num_pictures

    def draw(self) -> DrawnBatch[PromptRecord]:
        on_cpu = self.checkpoint.torch_device.type == "cpu"
        with one_thread() if on_cpu else contextlib.nullcontext():
            trial = Trial(loaded(self.checkpoint), self.records, self.scope)
            trial.run()
        pictures = {
            f"{name}-{self.records[row].index}": png(trial.images[name][row])
            for name in self.show
            for row in self.shown
        }
        return DrawnBatch(tuple(trial.records), pictures)


@dataclass(frozen=True)
class Series:
    """What one checkpoint draws: groups of records, each under its scope.

    `names` are those of its conditions beside the model's own. `show`: the conditions of the contact sheet.
    """

    name: str
    checkpoint: NamedCheckpoint
    groups: tuple[tuple[tuple[PromptRecord, ...], Scope], ...]
    names: Mapping[str, str] = field(default_factory=dict)
    show: tuple[str, ...] = ()
    step: int | None = None

    @property
    def records(self) -> list[PromptRecord]:
        return [record for records, _ in self.groups for record in records]

    def batches(self, size: int) -> Iterator[TrialBatch]:
        first = self.records[0].seed
        for records, scope in self.groups:
            for part in in_batches(records, size):
                shown = [row for row, one in enumerate(part) if one.seed == first and one.index < SHOWN]
                yield TrialBatch(self.name, self.checkpoint, part, scope, self.show, tuple(shown))


@dataclass(frozen=True)
class Found:
    """All records, with every checkpoint's results side by side, and those of each step of the curve."""

    records: list[PromptRecord]
    curve: dict[int, list[PromptRecord]]


def run(
    contestants: Contestants,
    options: CompareOptions,
    folder: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> Found:
    """Draw and score what `folder` does not hold yet, by so many processes.

    Raises ValueError if the folder holds another run's records, or if plots cannot be drawn at the end.
    """
    if find_spec("matplotlib") is None:
        raise ValueError("plots need matplotlib, which is missing: pip install 'irg[bench]'")
    folder.mkdir(parents=True, exist_ok=True)
    every = series_of(contestants, options)
    stores = {one.name: store_of(one, options, folder) for one in every}
    draw_missing([batch for one in every for batch in one.batches(options.batch)], stores, workers, progress)
    return _side_by_side(options, every, stores)


def compare_items(options: CompareOptions) -> list[PromptRecord]:
    """What is to be drawn: the prompts of `scene_items`, once with each seed, those of seed 0 as there."""
    items = scene_items(SceneOptions(options.prompts, seed=options.seed))
    return [
        PromptRecord(
            item.prompt,
            family_of(item),
            item.facts["split"],
            seed,
            index,
            seed * SEED_STRIDE + index,
            choice=None,
            results={},
        )
        for seed in options.seeds
        for index, item in enumerate(items)
    ]


def some(records: Sequence[PromptRecord], prompts: int) -> list[PromptRecord]:
    """So many of the main prompts, and a fifth as many of each other group, with the first seed."""
    first = [record for record in records if record.seed == records[0].seed]
    added = max(prompts // 5, 1)
    found = []
    for group in GROUPS:
        found += [record for record in first if record.group == group][: prompts if group == MAIN else added]
    return found


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
    part = [record for record in some(records, options.curve_prompts) if record.group == MAIN]
    for step, checkpoint in sorted(contestants.curve.items()):
        found.append(Series(f"step-{step:08d}", checkpoint, ((tuple(part), Scope(2)),), step=step))
    return found


def store_of(series: Series, options: CompareOptions, folder: Path) -> SeriesStore[PromptRecord]:
    return SeriesStore(folder, series.name, header_of(series, options), PromptRecord)


def header_of(series: Series, options: CompareOptions) -> dict[str, Any]:
    """What has to agree for two runs to be one. More seeds may be added to a run."""
    texts = dict.fromkeys(record.prompt for record in series.records)
    return {
        "protocol": PROTOCOL,
        **drawing_header(series.checkpoint.settings, series.checkpoint.identity),
        "prompts": options.prompts,
        "texts": hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16],
        "few": options.ablation_prompts if series.step is None else options.curve_prompts,
        "seed": options.seed,
        "first_seed": options.seeds[0],
        "batch": options.batch,
        "scopes": [asdict(scope) for _, scope in series.groups],
    }


def in_batches(records: Sequence[PromptRecord], size: int) -> list[tuple[PromptRecord, ...]]:
    """Batches of one seed each, and of at least two if there are two: one borrows another's reflection."""
    batches: list[tuple[PromptRecord, ...]] = []
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
    stores = {name: store_of(every[name], options, records) for name, _ in columns}
    rows = [
        SheetRow(
            record.prompt,
            tuple(stores[name].picture(f"{condition}-{record.index}") for name, condition in columns),
            tuple(stores[name].records[record.key].results[condition].correct for name, condition in columns),
        )
        for record in compare_items(options)[:SHOWN]
        if record.seed == options.seeds[0]
    ]
    headings = ("base" if "base" in every else "drawn at once", "turn 1", "turn 2")
    write_atomically(path, png(contact_sheet(headings, rows)))


def _side_by_side(
    options: CompareOptions, every: Sequence[Series], stores: Mapping[str, SeriesStore[PromptRecord]]
) -> Found:
    merged = {record.key: replace(record, results={}) for record in every[0].records}
    curve: dict[int, list[PromptRecord]] = {}
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
