"""A whole run, from a recipe to a set: the work, the set, its report."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from irg.core.output import refuse_to_replace
from irg.curate.build import Build, build_stages
from irg.curate.emit import DATA, SET, Emitted, emit
from irg.curate.recipe import CurateRecipe
from irg.curate.report import write_report
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


def curate(
    recipe: CurateRecipe, watch: Watch | None = None, cluster: Cluster | None = None, again: bool = False
) -> Curated:
    """Make the set that a recipe describes, going on where an earlier run of it stopped; in this process, or
    on a cluster.

    With `again`, records that endpoints failed in passing are made again (`irg.stages.retry`). A run that a
    stage stops (a budget that is spent) writes the set of what was finished in order by then. Raises
    ValueError when another run is at work in the same folder, and for an endpoint whose key is not there.
    """
    began, build = perf_counter(), Build(recipe)
    job = build.job
    with recipe.at_work(), job.store.locked():
        refuse_to_replace(recipe.out / DATA, SET)
        build.check()
        retried = _retried(build) if again else {}
        recipe.save()
        if cluster is None:
            progress = run(job, recipe.run, watch)
        else:
            progress = run_on_cluster(job, partial(build_stages, recipe), cluster, watch)
        marks, about = job.selector.marks, _provenance(recipe)
        emitted = emit(job.store, marks, recipe.out, recipe.emit, about, build.system_prompt)
        report, seconds = write_report(recipe.out), perf_counter() - began
    return Curated(progress, emitted, report, seconds, spent(build.account), retried)


def _retried(build: Build) -> dict[str, int]:
    # The set of the same marks is to be another.
    (build.recipe.out / MANIFEST).unlink(missing_ok=True)
    return retry(build.job.store, build.job.selector.stage.identity.name)


def _provenance(recipe: CurateRecipe) -> dict[str, Any]:
    """The recipe, but for what does not change the set: where it is made, how fast, for how much at most."""
    return {"recipe": recipe.model_dump(mode="json", exclude={"out", "run", "budget"})}
