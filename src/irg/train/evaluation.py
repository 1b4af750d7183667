"""Looking at a run while it trains: losses over held-out data, and pictures for a few prompts."""

from dataclasses import replace
from itertools import islice

from irg.core.events import Done
from irg.data.compose import Composer, Dropout
from irg.data.loader import StepLoader
from irg.data.streams import Rejected
from irg.pipeline import Pipeline
from irg.pipeline.strip import strip
from irg.run.assemble import RunParts
from irg.run.dataset import data_of
from irg.run.objective import PackedForward, UnifiedObjective
from irg.run.parallel import arithmetic, gathered
from irg.run.step import evaluate
from irg.train.settings import TrainRecipe


class UnifiedEvaluator:
    """Evaluates the weights that the model holds, always on the same documents, noise and prompts.

    Every process takes part: where the model is sharded, its layers are gathered for all of them together.
    """

    def __init__(
        self,
        recipe: TrainRecipe,
        parts: RunParts,
        trained: UnifiedObjective,
        strict: bool = False,
    ) -> None:
        assert recipe.evaluation is not None
        self.recipe, self.settings, self.parts = recipe, recipe.evaluation, parts
        self.every, self.layout = self.settings.every, trained.layout
        composer = Composer(
            parts.config, trained.composer.autoencoder, recipe.noising, Dropout(), recipe.remember
        )
        self.objective = replace(trained, composer=composer)
        self.known: tuple[Rejected, ...] = ()
        """Rows that were known not to be usable before any was read, the same on every process."""
        self.met: tuple[Rejected, ...] = ()
        """Those that this process met while reading."""
        self.forwards = self._held_out(strict) if self.settings.data else []

    def __call__(self, step: int) -> dict[str, float]:
        """The held-out losses; pictures go to `samples/step-N` of the run's folder."""
        losses = evaluate(self.objective, self.forwards, self.layout).losses if self.forwards else {}
        if self.settings.prompts:
            self._draw(step)
        return losses

    def _held_out(self, strict: bool) -> list[PackedForward]:
        endless, layout = self.recipe.model_copy(update={"epochs": None}), self.layout
        data = data_of(endless, self.settings.data, self.parts, layout.world, strict, "evaluation ")
        with StepLoader(data.planner, data.preparer, layout.rank, layout.world, strict=strict) as loader:
            steps = list(islice(loader, self.settings.steps))
        self.known = data.survey.rejected
        self.met = tuple(one for loaded in steps for one in loaded.rejected)
        return [forward for loaded in steps for forward in self.objective.forwards(loaded.rows)]

    def _draw(self, step: int) -> None:
        network, autoencoder = self.objective.network, self.objective.composer.autoencoder
        pipeline = Pipeline(network.model, autoencoder, self.parts.tokenizer, self.parts.settings)
        plan = self.parts.settings.plan(self.settings.turns)
        folder = self.recipe.out / "samples" / f"step-{step:08d}"
        if self.layout.is_first:
            folder.mkdir(parents=True, exist_ok=True)
        with gathered(network), arithmetic(self.layout, self.recipe.parallel):
            for index, event in pipeline.generate_batch(list(self.settings.prompts), plan):
                if isinstance(event, Done) and self.layout.is_first:
                    strip(event.trace).save(folder / f"{index:02d}.png")
