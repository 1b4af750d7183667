"""A dry run: what a recipe would do and cost, with nothing loaded, asked or written."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, runtime_checkable

from irg.curate.build import Build
from irg.curate.draw import Draw
from irg.curate.improve import CheckpointImprove
from irg.endpoint import Estimate, spent
from irg.stages.stage import AnyStage, Resource


@runtime_checkable
class Estimating(Protocol):
    """A stage, or a source of prompts, that knows what it would ask of endpoints."""

    def estimate(self, count: int) -> Estimate: ...


@dataclass(frozen=True)
class PlannedStage:
    """A stage, what it is bound by, by whom it is done, and what it would take of endpoints."""

    name: str
    resource: str
    model: str
    estimate: Estimate | None


@dataclass(frozen=True)
class DryRun:
    """`count` records, through the stages. Estimates are for all of them reaching every stage."""

    count: int
    num_shards: int
    stages: tuple[PlannedStage, ...]
    problems: tuple[str, ...] = ()
    """What would end the run before its end."""

    @property
    def total(self) -> Estimate:
        return sum((stage.estimate for stage in self.stages if stage.estimate), start=Estimate())

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "total": asdict(self.total)}


def plan_of(build: Build) -> DryRun:
    """What a run would do. Raises ValueError for what would be wrong with it from the start."""
    recipe, count = build.recipe, build.recipe.propose.count
    source = Resource.ENDPOINT if isinstance(build.prompts, Estimating) else Resource.CPU
    stages = [_planned(build.prompts, "propose", build.prompts.identity.model.get("name", ""), source, count)]
    for stage in build.stages:
        stages.append(_planned(stage, *_names(stage), stage.resource, count))
    plan = DryRun(count, -(-count // recipe.shard), tuple(stages))
    return replace(plan, problems=tuple(_problems(build, plan.total)))


def _planned(maker: object, name: str, model: str, resource: Resource, count: int) -> PlannedStage:
    expected = maker.estimate(count) if isinstance(maker, Estimating) else None
    return PlannedStage(name, resource, model, expected)


def _names(stage: AnyStage) -> tuple[str, str]:
    """Of a stage and its model. The identity of a checkpoint is not asked for: it may have to be fetched."""
    match stage:
        case Draw():
            return "draw", stage.student.name
        case CheckpointImprove():
            return "improve", stage.improver.name
    return stage.identity.name, str(stage.identity.model.get("name", ""))


def _problems(build: Build, total: Estimate) -> list[str]:
    budget, problems = build.recipe.budget, []
    before = spent(build.account)
    requests = sum(model.requests for model in before)
    if budget.max_requests is not None and total.requests > (left := budget.max_requests - requests):
        problems.append(f"{total.requests:,} requests are expected, {max(left, 0):,} may still be made")
    money = sum(model.money for model in before)
    if budget.max_cost is not None and total.money > (left := budget.max_cost - money):
        problems.append(f"a cost of {total.money:,.4f} is expected, {max(left, 0):,.4f} may still be spent")
    try:
        build.check()
    except ValueError as missing:
        problems.append(str(missing))
    return problems
