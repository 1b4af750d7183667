"""Training the unified model: from a recipe to a run, and from the run to a checkpoint folder.

irg train RECIPE.yaml
torchrun --nproc-per-node N -m irg train RECIPE.yaml
"""

from pathlib import Path

from irg.core import Document
from irg.run.assemble import build, parts_of
from irg.run.beginning import EXPORTED, at_work, first_alone, run_settings
from irg.run.dataset import StoredFeed, data_of
from irg.run.export import Choice, export_run
from irg.run.loop import CHECKPOINTS, Run, already, newest_step
from irg.run.objective import PackedForward, objective_of
from irg.run.parallel import Layout, joined
from irg.terminal import err
from irg.train.evaluation import UnifiedEvaluator
from irg.train.settings import TrainRecipe
from irg.train.settling import settled

UnifiedRun = Run[tuple[tuple[Document, ...], ...], PackedForward]


def train(recipe: TrainRecipe, resume: bool = False, strict: bool = False) -> Path:
    """Run the recipe; leaves a checkpoint folder of averaged weights at `recipe.out / "checkpoint"`.

    `resume` goes on from the newest checkpoint in `recipe.out`, if there is one; without it, a folder that
    already holds a run is an error. `strict` stops at the first row that cannot be used. Asked to stop (by
    Ctrl-C or SIGTERM), it saves its state after the current step and raises KeyboardInterrupt.
    """
    if not resume and (step := newest_step(recipe.out)) is not None:  # known before a model is loaded
        raise already(recipe.out, step)
    decided = settled(recipe, parts_of(recipe, weights=False))
    recipe = decided.recipe
    with joined(recipe.device) as layout, at_work(recipe, layout):
        for note in decided.notes if layout.is_first else ():
            err.print(note, style="yellow", markup=False, soft_wrap=True)
        run = run_of(recipe, layout, strict)
        run.begin(resume)
        if layout.is_first:
            recipe.save()
        run.go_on()
        return finish(recipe, run)


def run_of(recipe: TrainRecipe, layout: Layout, strict: bool = False) -> UnifiedRun:
    """The run that a recipe describes, not yet begun."""
    parts = parts_of(recipe)
    network = build(recipe, parts.config, layout)
    with first_alone(layout):  # the others find its survey of the data
        data = data_of(recipe, recipe.data, parts, layout.world, strict)
    objective = objective_of(recipe, parts, network, layout)
    evaluator = UnifiedEvaluator(recipe, parts, objective, strict) if recipe.evaluation else None
    feed = StoredFeed(data, layout, recipe.workers, strict)
    return Run(objective, feed, run_settings(recipe, parts), layout, evaluator)


def finish(recipe: TrainRecipe, run: UnifiedRun) -> Path:
    """Export the averaged weights as a checkpoint folder, and tell of what the data lacked."""
    run.report()
    folder = recipe.out / EXPORTED
    if run.layout.is_first:
        assert isinstance(run.feed, StoredFeed)
        for stream, count in run.feed.missing.items():
            err.print(f"{count} steps had no room for a document of {stream}", style="yellow")
        export_run(recipe, recipe.out / CHECKPOINTS, folder, Choice(run.step))
    run.layout.wait()
    return folder
