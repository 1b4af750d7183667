"""Reinforcement learning of the unified model: from a recipe to a run, and from that to a checkpoint folder.

irg rl RECIPE.yaml
torchrun --nproc-per-node N -m irg rl RECIPE.yaml

The run itself, with its loop, checkpoints, sharding and metrics, is that of all training (`irg.run`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from irg.core import recipe as recipes
from irg.core.digest import content_of
from irg.rl.cast import Cast
from irg.rl.feed import PlayedFeed
from irg.rl.form import form_of
from irg.rl.objective import Practice, PracticeForward, objective_for
from irg.rl.parts import rewards_of
from irg.rl.player import Player
from irg.rl.prompts import prompts_of
from irg.rl.rewards import Rewards
from irg.rl.settings import GuardSettings, RlRecipe
from irg.rl.trials import RlTrials
from irg.run.assemble import RunParts, build, parts_of
from irg.run.beginning import EXPORTED, at_work, first_alone, run_settings
from irg.run.dataset import StoredFeed, data_of
from irg.run.export import Choice, export_run
from irg.run.loop import CHECKPOINTS, Guard, Run, StoppedError, already, newest_step
from irg.run.losses import ModelLosses
from irg.run.objective import objective_of
from irg.run.parallel import Layout, joined
from irg.run.step import Totals

RlRun = Run[Practice, PracticeForward]

_FREE = {"rollouts": {"batch"}, "learning": {"kl_text", "kl_flow", "anchor", "tokens"}}
"""What may change in a run that goes on: what a guard or a lack of memory asks for."""


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> RlRecipe:
    """The validated recipe of a file (`irg.core.recipe`). Raises ValueError that says what is wrong."""
    return recipes.read_recipe(path, {"rl": RlRecipe}, overrides)


def learn(recipe: RlRecipe, resume: bool = False) -> Path:
    """Run the recipe; leaves a checkpoint folder of averaged weights at `recipe.out / "checkpoint"`.

    `resume` goes on from the newest checkpoint in `recipe.out`, if there is one; without it, a folder that
    already holds a run is an error. Asked to stop (by Ctrl-C or SIGTERM), it saves its state after the
    current step and raises KeyboardInterrupt. Raises StoppedError where a guard ends the run, and
    GradesLostError where rewards are away, with what came before saved.
    """
    if not resume and (step := newest_step(recipe.out)) is not None:  # known before a model is loaded
        raise already(recipe.out, step)
    with joined(recipe.device) as layout, at_work(recipe, layout):
        run = run_of(recipe, layout)
        run.begin(resume)
        if layout.is_first:
            recipe.save()
        run.go_on()
        return finish(recipe, run)


def run_of(recipe: RlRecipe, layout: Layout) -> RlRun:
    """The run that a recipe describes, not yet begun."""
    prompts, rewards = prompts_of(recipe.prompts), rewards_of(recipe.rewards, recipe.out)
    parts = parts_of(recipe)
    network = build(recipe, parts.config, layout)
    stored = objective_of(recipe, parts, network, layout)
    feed = _anchor(recipe, parts, layout)
    networks = network, _reference(recipe, parts, layout)
    anchor = stored if feed is not None else None
    objective = objective_for(recipe, networks, parts.tokenizer.special, layout, anchor)
    cast = Cast.of(recipe, parts, network, stored.composer.autoencoder, layout)
    player = _player(recipe, parts, cast, rewards)
    played = PlayedFeed(recipe, cast, player, prompts, layout, feed)
    settings = run_settings(recipe, parts, _kept(recipe, rewards))
    trials = _trials(recipe, parts, cast, player)
    return Run(objective, played, settings, layout, trials, guard_of(recipe.guards))


def finish(recipe: RlRecipe, run: RlRun) -> Path:
    """Export the averaged weights as a checkpoint folder, and tell of what was left out."""
    run.report()
    folder = recipe.out / EXPORTED
    if run.layout.is_first:
        export_run(recipe, recipe.out / CHECKPOINTS, folder, Choice(run.step))
    run.layout.wait()
    return folder


def guard_of(settings: GuardSettings) -> Guard:
    """What a step must not show before it moves the weights."""

    def guard(totals: Totals) -> None:
        found = totals.losses
        if found.get("deviation", 0.0) > settings.deviation:
            raise StoppedError(
                f"texts are replayed {found['deviation']:.3g} nats a token from how they were sampled, more "
                f"than guards.deviation {settings.deviation:g}: sample and train in the same precision"
            )
        if found.get("runaway", 0.0) > 0:
            raise StoppedError(
                f"{found['runaway']:.2%} of the tokens are more than guards.runaway {settings.runaway:g} "
                "nats from the model of the beginning: a lower rate, or more of learning.kl_text"
            )
        if found["kl_flow"] > settings.kl_flow:
            raise StoppedError(
                f"velocities are {found['kl_flow']:.3g} from the model of the beginning, more than "
                f"guards.kl_flow {settings.kl_flow:g}: a lower rate, or more of learning.kl_flow"
            )

    return guard


def _kept(recipe: RlRecipe, rewards: Rewards) -> dict[str, Any]:
    """What must not change in a run that goes on, beside every run's: of prompts in a file what they are,
    and of rewards what decides on their grades."""
    content = recipe.model_dump(mode="json", include={"rollouts", "returns", "learning"}, exclude=_FREE)
    file = recipe.prompts.file
    return content | {
        "prompts": recipe.prompts.model_dump(mode="json") if file is None else content_of(file),
        "rewards": [[one.weight, dict(one.part.identity)] for one in rewards.parts],
    }


def _anchor(recipe: RlRecipe, parts: RunParts, layout: Layout) -> StoredFeed | None:
    if not recipe.data:
        return None
    with first_alone(layout):  # the others find its survey of the data
        data = data_of(recipe, recipe.data, parts, layout.world)
    return StoredFeed(data, layout, recipe.workers)


def _reference(recipe: RlRecipe, parts: RunParts, layout: Layout) -> ModelLosses | None:
    """The model of the beginning; none where switching adapters off gives it back."""
    if recipe.lora is not None:
        return None
    still = recipe.model_copy(update={"freeze": ()})
    network = build(still, parts.config, layout).eval()
    return network.requires_grad_(False)


def _player(recipe: RlRecipe, parts: RunParts, cast: Cast, rewards: Rewards) -> Player:
    return Player(
        cast.pipeline,
        rewards,
        form_of(parts.settings.world),
        recipe.rollouts,
        recipe.plan(parts.settings),
        recipe.seed,
        recipe.keeps_steps,
    )


def _trials(recipe: RlRecipe, parts: RunParts, cast: Cast, player: Player) -> RlTrials | None:
    if (settings := recipe.trials) is None:
        return None
    plan = recipe.plan(parts.settings, settings.redraws)
    player = replace(player, plan=plan, stirs=False)
    return RlTrials(settings, cast, player, prompts_of(settings.source), cast.layout)
