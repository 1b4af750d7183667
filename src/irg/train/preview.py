"""The dry run: what a recipe would train, what that takes and how long, without loading a weight."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from itertools import islice

from irg.core import Document, Kind
from irg.core.segment import DELIMITERS
from irg.core.trace import Trace, Turn
from irg.data.learning import IRGL, Mode, ModeQuestions, document
from irg.data.prepare import Preparer
from irg.data.source import RowError
from irg.data.streams import Elsewhere, Stream, counted
from irg.model import ModelConfig, bagel_7b
from irg.model.checkpoint import CheckpointError, CheckpointFolder
from irg.model.device import usual_device
from irg.model.hub import is_hub_id
from irg.pipeline import Settings
from irg.prep import SizeOnly
from irg.run.assemble import parts_of
from irg.run.budget import Section, Workload, budget
from irg.run.dataset import Data, data_of
from irg.run.flops import RowCounts, peak_flops, peak_of
from irg.train.settings import TrainRecipe
from irg.train.settling import settled

TYPICAL_TEXTS = {"system": 150, "prompt": 100, "question": 20, "thought": 600}
"""Tokens of texts by their role, where the data is not at hand."""
_LARGE = 2048
"""Decoder width from which nobody trains on a CPU."""
_USUAL_MFU = 0.4
"""The share of a device's peak that training reaches."""
_STEPS_LOOKED_AT = 8
"""Planned steps of which the mean row is taken."""


def describe_run(recipe: TrainRecipe, world: int) -> Iterator[Section | str]:
    """The plan of a run on `world` processes: tables, and notes in between.

    Where data or a checkpoint of the hub is not at hand, typical ones stand for them, and that is said. No
    weights are downloaded. Raises ValueError where a folder to begin from is not there.
    """
    device = usual_device(recipe.device)
    data: Data | None = None
    try:
        parts = parts_of(recipe, weights=False)
        config, settings = parts.config, parts.settings
        if all(one.path is None or one.path.exists() for one in recipe.data):
            data = data_of(recipe, recipe.data, parts, world)
            yield _survey_section(data)
            yield from settled(recipe, parts).notes
        else:
            yield "the data is not there: planned for typical documents"
    except CheckpointError as absent:
        named = [one for one in (recipe.init, recipe.parts) if one is not None]
        for folder in (one for one in named if not is_hub_id(one)):
            CheckpointFolder.find(folder)  # the run would not be given one that is not there, either
        if not any(map(is_hub_id, named)):
            raise
        config, settings = bagel_7b(), Settings().changed_by(recipe.settings or {})
        yield f"planned for BAGEL-7B-MoT and typical documents: {absent}"
    if data is not None:
        row, documents = _planned(data, recipe, world)
    else:
        row, documents = _typical(recipe, config, settings)
    workload = Workload(
        row=row,
        documents=documents,
        forwards=recipe.batch.accumulate,
        world=world,
        parallel=recipe.parallel,
        optimizer=recipe.optimizer,
        frozen=frozenset(recipe.freeze),
        lora=recipe.lora,
        average=recipe.ema is not None,
    )
    peak = peak_flops(device)
    if peak is None and config.decoder.width >= _LARGE:
        peak = peak_of("H100")
        yield f"time is that of H100s at {_USUAL_MFU:.0%} of their peak: none is here"
    plan = budget(config, workload, recipe.steps, None if peak is None else _USUAL_MFU * peak)
    processes = "1 process" if world == 1 else f"{world} processes"
    yield Section(f"plan for {processes}, into {recipe.out}", ("", "how much"), [*plan.rows()])


def _planned(data: Data, recipe: TrainRecipe, world: int) -> tuple[RowCounts, int]:
    """The mean forward of one process over the first planned steps, and its documents."""
    steps = list(islice(data.planner, _STEPS_LOOKED_AT))
    streams = {one.stream.name: one.stream for one in data.planner.streams}
    samples = [sample for step in steps for row in step.rows for sample in row.samples]
    shapes = [
        _shape(sketched, data.preparer, recipe.noising.copies)
        for sample in samples
        if (sketched := _sketch(streams[sample.stream], sample.index, sample.seed(recipe.seed))) is not None
    ]
    forwards = len(steps) * world * recipe.batch.accumulate
    return _mean(shapes, forwards), round(len(samples) / forwards)


def _sketch(stream: Stream, index: int, choice: int) -> Document | None:
    """The document of a row; None for one that turns out to be broken, which the run itself will tell of."""
    try:
        return stream.sketch(index, choice) if stream.virtual else stream.document(index, choice)
    except (RowError, Elsewhere):
        return None


def _typical(recipe: TrainRecipe, config: ModelConfig, settings: Settings) -> tuple[RowCounts, int]:
    """A forward of documents of the recipe's modes, with pictures as large as the settings draw them."""
    size = SizeOnly((settings.width, settings.height))
    turns = (Turn("thought", size), Turn("thought", size))
    trace = Trace("prompt", turns, 0, source=size, questions=(("question", "thought"),))
    clean, view = recipe.clean or settings.clean, recipe.view or settings.view
    preparer = Preparer(config, _TypicalTokenizer(), clean, view)  # type: ignore[arg-type]
    weights: dict[Mode, float] = {}
    for one in recipe.data:
        for mode, weight in (one.modes or dict.fromkeys(IRGL, 1.0)).items():
            weights[mode] = weights.get(mode, 0.0) + weight * one.weight
    asked = ModeQuestions("question", "question")
    shapes = [
        _shape(document(trace, mode, "system", asked), preparer, recipe.noising.copies) for mode in weights
    ]
    total = sum(weights.values())
    mean = [
        sum(weight / total * value for weight, value in zip(weights.values(), values, strict=True))
        for values in zip(*map(astuple, shapes), strict=True)
    ]
    tokens = mean[0] + mean[1]
    per_forward = recipe.batch.rows / recipe.batch.accumulate
    documents = recipe.batch.documents or (recipe.batch.tokens or 0) / tokens
    return RowCounts(*(round(value * documents * per_forward) for value in mean)), round(
        documents * per_forward
    )


class _TypicalTokenizer:
    """Gives each text as many tokens as texts of its kind typically have."""

    def encode(self, text: str) -> tuple[int, ...]:
        return (0,) * TYPICAL_TEXTS[text]


def _shape(made: Document, preparer: Preparer, copies: int) -> RowCounts:
    """What one document adds to a row."""
    counts: Counter[str] = Counter()
    for segment in preparer.sized(made):
        content = segment.num_tokens - DELIMITERS
        if segment.kind is Kind.TEXT:
            counts.update(understanding=segment.num_tokens, labels=(content + 1) * segment.loss)
        elif segment.kind is Kind.VIEW:
            counts.update(understanding=segment.num_tokens, patches=content, view_pairs=content**2)
        else:
            num = copies if segment.kind is Kind.NOISY else 1
            targets = num * content * segment.supervised
            counts.update(understanding=num * DELIMITERS, latents=num * content, targets=targets)
    shape = RowCounts(**counts)
    return replace(shape, pairs=shape.tokens**2)


def _mean(shapes: Iterable[RowCounts], parts: int) -> RowCounts:
    """The sum of the counts, divided by `parts`."""
    return RowCounts(*(round(sum(values) / parts) for values in zip(*map(astuple, shapes), strict=True)))


def _survey_section(data: Data) -> Section:
    rows: list[tuple[str, ...]] = []
    rejected = counted(data.survey.rejected)
    for one in data.survey.streams:
        mine = [(reason, count) for (name, reason), count in rejected.items() if name == one.stream.name]
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in mine)
        usable = "made as drawn" if one.stream.virtual else f"{len(one.lengths.usable):,}"
        name = one.stream.name if one.stream.virtual else f"{one.stream.name} of {one.stream.source.name}"
        rows.append((name, usable, reasons or "none"))
    return Section("data", ("stream", "usable rows", "rejected"), rows)
