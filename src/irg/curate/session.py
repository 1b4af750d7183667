"""A whole run, from a recipe to a set: the work, the set, its report."""

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from irg.core.output import refuse_to_replace
from irg.curate.build import Build, build_stages
from irg.curate.emit import DATA, SET, Emitted, emit
from irg.curate.recipe import CurateRecipe, read_recipe
from irg.curate.report import write_report
from irg.curate.survey import survey
from irg.data.sets import MANIFEST
from irg.endpoint import Spending, spent
from irg.stages.cluster import Cluster
from irg.stages.ray_pool import run_on_cluster
from irg.stages.retry import retry
from irg.stages.runner import Progress, Watch, run


@dataclass(frozen=True)
class Curated:
    """What came of a run: what each stage did, the set, and where the report is."""

    progress: Progress
    emitted: Emitted
    report: Path
    seconds: float
    """By the clock, from the recipe to the set."""
    spent: tuple[Spending, ...] = ()
    """What was charged to the run's account, in all its restarts, by model."""
    retried: dict[str, int] = field(default_factory=dict)
    """Records that were made again, by the reason for which they had been rejected."""
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    """What was said of one of the rejects of a stage and reason."""


def curate(
    recipe: CurateRecipe, watch: Watch | None = None, cluster: Cluster | None = None, again: bool = False
) -> Curated:
    """Make the set that a recipe describes, going on where an earlier run of it stopped; in this process, or
    on a cluster.

    Before anything else every teacher is asked one question. With `again`, records that endpoints failed are
    made again (`irg.stages.retry`); without it, those of stages whose teacher is asked in another way now. A
    run that a stage stops (a budget that is spent) writes the set of what was finished in order by then.
    Raises ValueError when another run is at work in the same folder, for an endpoint whose key is not there,
    and for one that does not answer.
    """
    began, build = perf_counter(), Build(recipe)
    job = build.job
    with ExitStack() as held:
        held.enter_context(recipe.at_work())
        refuse_to_replace(recipe.out / DATA, SET)
        build.check()
        held.enter_context(job.store.locked())  # which writes: what is refused leaves nothing behind
        asyncio.run(build.probe())
        retried = _retried(build, _mended(recipe) if not again else None)
        recipe.save()
        if cluster is None:
            progress = run(job, recipe.run, watch)
        else:
            progress = run_on_cluster(job, partial(build_stages, recipe), cluster, watch)
        marks, about = job.selector.marks, _provenance(recipe)
        emitted = emit(job.store, marks, recipe.out, recipe.emit, about, build.system_prompt)
        found = survey(recipe.out)
        report, seconds = write_report(recipe.out, found), perf_counter() - began
    return Curated(progress, emitted, report, seconds, spent(build.account), retried, found.examples)


def _mended(recipe: CurateRecipe) -> set[str]:
    """The stages whose teacher is asked in another way than in the run before, or in one not known."""
    if not recipe.file.exists():
        return set()
    try:
        before = read_recipe(recipe.file).ways
    except ValueError:  # an earlier version's
        before = {}
    return {stage for stage, way in recipe.ways.items() if before.get(stage) != way}


def _retried(build: Build, stages: Collection[str] | None) -> dict[str, int]:
    """Have made again what these stages, or any, rejected for want of an answer: how many, by reason."""
    if stages is not None and not stages:
        return {}
    # The set of the same marks is to be another.
    (build.recipe.out / MANIFEST).unlink(missing_ok=True)
    failed = retry(build.job.store, build.job.selector.stage.identity.name, stages)
    if stages is None or "propose" in stages:
        failed += build.proposer.forget_failed()
    return failed


def _provenance(recipe: CurateRecipe) -> dict[str, Any]:
    """The recipe, but for what does not change the set: where it is made, how fast, for how much at most."""
    return {"recipe": recipe.model_dump(mode="json", exclude={"out", "run", "budget"})}
