"""The data of a run, from its recipe: sources, streams, the plan of what is packed into which step, and how a
run is fed with it."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from irg.core import Document
from irg.core.trace import Trace
from irg.data.budget import fitting_budget
from irg.data.formats import open_source
from irg.data.learning import USUAL_WEIGHTS, Mode, modes_of
from irg.data.lengths import LengthSurvey, Measuring, survey
from irg.data.loader import StepLoader
from irg.data.plan import PackingOptions, Planner
from irg.data.prepare import Preparer
from irg.data.scene_source import SceneSource
from irg.data.shards import Manifest
from irg.data.source import Sketching, Source
from irg.data.streams import Stream
from irg.data.traces import FORMAT as TRACES
from irg.prep import Resize
from irg.run.assemble import RunParts
from irg.run.loop import FedStep
from irg.run.model_recipe import DataSettings, ModelRecipe
from irg.run.parallel import Layout


@dataclass(frozen=True, eq=False)
class Data:
    """What a run reads, in order."""

    preparer: Preparer
    planner: Planner
    survey: LengthSurvey


class StoredFeed:
    """This process's rows of each step of the plan. Their state is the planner's."""

    def __init__(self, data: Data, layout: Layout, num_workers: int = 0, strict: bool = False) -> None:
        self.planner, self.known = data.planner, data.survey.rejected
        self.missing: Counter[str] = Counter()
        """Of each stream, the steps that had no room for the document which every step should have."""
        self._loader = StepLoader(data.planner, data.preparer, layout.rank, layout.world, num_workers, strict)

    def restore(self, state: dict[str, Any]) -> None:
        self.planner.load_state_dict(state)

    def __iter__(self) -> Generator[FedStep[tuple[tuple[Document, ...], ...]]]:
        with self._loader as loader:
            for loaded in loader:
                self.missing.update(loaded.planned.missing)
                waited, capacity = loaded.seconds_waited, loaded.capacity
                yield FedStep(loaded.rows, loaded.state, loaded.rejected, waited, capacity)


def data_of(
    recipe: ModelRecipe,
    datasets: Sequence[DataSettings],
    parts: RunParts,
    world: int,
    strict: bool = False,
    prefix: str = "",
) -> Data:
    """Survey the datasets and plan steps over them, for a run on `world` processes.

    Their streams are named by the datasets' numbers, after `prefix`, and modes: not by paths, since names
    decide what is random about samples, and a run goes on though its data has moved.
    What is found of stored datasets is kept in `lengths` of the run's folder, for when it goes on. Raises
    ValueError for datasets that cannot be used at all and, with `strict`, RowError for the first bad row.
    """
    settings, batch = parts.settings, recipe.batch
    clean, view = recipe.clean or settings.clean, recipe.view or settings.view
    _check_stride("clean", clean, parts.config.pixels_per_latent)
    _check_stride("view", view, parts.config.vision.patch)
    preparer = Preparer(parts.config, parts.tokenizer, clean, view)
    longest = min((limit for limit in (batch.longest, batch.tokens) if limit is not None), default=None)
    measuring = Measuring(preparer, recipe.noising.copies, longest)
    streams = [
        one
        for number, data in enumerate(datasets)
        for one in _streams(f"{prefix}{number}", data, recipe, parts)
    ]
    found = survey(streams, measuring, recipe.out / "lengths", strict)
    rows = batch.rows * (1 if recipe.global_batch == "fixed" else world)
    options = PackingOptions(batch.tokens, batch.documents, rows_per_step=rows, lookahead=batch.lookahead)
    if batch.fit:
        if virtual := [one.stream.name for one in found.streams if one.stream.virtual]:
            raise ValueError(
                f"batch.fit needs stored data, whose lengths are known: not {', '.join(virtual)}"
            )
        tokens, _ = fitting_budget(found.streams, options, recipe.seed)
        options = replace(options, tokens=tokens)
    planner = Planner(found.streams, options, recipe.seed, recipe.rounds)
    return Data(preparer, planner, found)


def usual_modes(source: Source) -> dict[Mode, float]:
    """Of traces, the modes that at least one of them teaches, with their usual weights; none of documents."""
    taught: set[str] = set()
    manifest = Manifest.load(Path(source.name)) if Path(source.name).is_dir() else None
    if manifest is not None and manifest.format == TRACES:
        taught.update(manifest.modes)
    elif not isinstance(source, Sketching):
        taught.update(mode for row in source.survey() if isinstance(row, Trace) for mode in modes_of(row))
    return {mode: weight for mode, weight in USUAL_WEIGHTS.items() if mode in taught}


def _check_stride(name: str, resize: Resize, cell: int) -> None:
    if resize.stride % cell:
        raise ValueError(
            f"{name}.stride is {resize.stride}: the model divides images into cells of {cell} pixels, "
            "so expected a multiple of that"
        )


def _streams(name: str, data: DataSettings, recipe: ModelRecipe, parts: RunParts) -> list[Stream]:
    prompt = parts.settings.system_prompt
    source: Source
    if data.scenes is not None:
        source = SceneSource(data.scenes, data.size, data.seed, data.right)
    else:
        assert data.path is not None
        source = open_source(data.path, prompt)
    modes: dict[Mode | None, float] = {**(data.modes or usual_modes(source))} or {None: 1.0}
    return [
        Stream(
            source,
            mode,
            weight * data.weight,
            required=mode in data.required,
            name=":".join([name, *([data.scenes] if data.scenes else []), mode or "all"]),
            system_prompt=prompt,
            questions=recipe.questions,
            fitting=not data.modes,
        )
        for mode, weight in modes.items()
    ]
