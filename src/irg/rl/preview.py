"""The dry run: what a recipe would learn, what that takes and how long, without loading a weight.

Playing is counted as the arithmetic of drawing, reading and writing; where texts are long, writing them token
by token takes longer than that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from irg.core.segment import DELIMITERS
from irg.model import ModelConfig, bagel_7b
from irg.model.checkpoint import CheckpointError, CheckpointFolder
from irg.model.device import usual_device
from irg.model.hub import is_hub_id
from irg.pipeline import Settings
from irg.rl.settings import LearningMethod, RlRecipe
from irg.run.assemble import parts_of
from irg.run.budget import Section, Workload, budget, duration, in_bytes
from irg.run.flops import Backward, RowCounts, peak_flops, peak_of, row_flops

_TYPICAL = {"system": 150, "prompt": 100, "thought": 600}
"""Tokens of texts, at most; a checkpoint may write shorter ones."""
_LARGE = 2048
"""Decoder width from which nobody learns on a CPU."""
_USUAL_MFU, _USUAL_PLAYING = 0.4, 0.2
"""Shares of a device's peak that learning and playing reach."""


def describe(recipe: RlRecipe, world: int) -> Iterator[Section | str]:
    """The plan of a run on `world` processes: tables, and notes in between. Where a checkpoint of the hub is
    not at hand, BAGEL's sizes stand for it, and that is said. Raises ValueError where a folder to begin from
    is not there."""
    try:
        parts = parts_of(recipe, weights=False)
        config, settings = parts.config, parts.settings
    except CheckpointError as absent:
        if not is_hub_id(recipe.init):
            CheckpointFolder.find(recipe.init)
            raise
        config, settings = bagel_7b(), Settings().changed_by(recipe.settings or {})
        yield f"planned for BAGEL-7B-MoT: {absent}"
    peak = peak_flops(usual_device(recipe.device))
    if peak is None and config.decoder.width >= _LARGE:
        peak = peak_of("H100")
        shares = f"learning at {_USUAL_MFU:.0%} and playing at {_USUAL_PLAYING:.0%} of their peak"
        yield f"time is that of H100s, {shares}"
    processes = "1 process" if world == 1 else f"{world} processes"
    rows = _Plan(recipe, config, settings, world, peak).rows()
    yield Section(f"plan for {processes}, into {recipe.out}", ("", "how much"), rows)


@dataclass(frozen=True)
class _Plan:
    recipe: RlRecipe
    config: ModelConfig
    settings: Settings
    world: int
    peak: float | None

    def rows(self) -> list[tuple[str, ...]]:
        recipe, rollouts = self.recipe, self.recipe.rollouts
        workload = self._workload()
        speed = None if self.peak is None else _USUAL_MFU * self.peak
        learned = budget(self.config, workload, recipe.steps, speed)
        memory = [*learned.memory, *self._copies(dict(learned.memory)["weights"] * workload.group)]
        playing = self._played_flops()
        rows = [
            ("parameters trained", f"{learned.trained:,}"),
            ("parameters frozen", f"{learned.frozen:,}"),
            ("episodes per step", f"{rollouts.groups * rollouts.siblings:,}"),
            ("pictures per step", f"up to {self._num_pictures():,}"),
            ("tokens learned per step", f"up to {learned.tokens:,}"),
            ("arithmetic of playing", f"{playing / 1e12:,.3g} TFLOP"),
            ("arithmetic of learning", f"{learned.flops * self._passes / 1e12:,.3g} TFLOP"),
            *((f"memory: {name}", in_bytes(size)) for name, size in memory if size),
            ("memory per process", f"about {in_bytes(sum(size for _, size in memory))}"),
        ]
        if self.peak is None:
            return [*rows, ("time", "unknown: the device's peak is not known")]
        learning = learned.flops * self._passes / (_USUAL_MFU * self.peak * self.world)
        seconds = learning + playing / (_USUAL_PLAYING * self.peak * self.world)
        total = duration(seconds * recipe.steps)
        return [
            *rows,
            ("time per step", f"about {seconds:,.3g} s"),
            (f"time for {recipe.steps:,} steps", f"about {total}"),
        ]

    @property
    def _passes(self) -> float:
        """Forwards and backwards of an episode, with the forward of the model of the beginning, over one
        forward and backward."""
        return 4 / 3

    def _workload(self) -> Workload:
        recipe = self.recipe
        episode = self._episode()
        mine = -(-recipe.rollouts.groups // self.world) * recipe.rollouts.siblings
        forwards = -(-mine // max(1, recipe.learning.tokens // episode.tokens))
        documents = -(-mine // forwards)
        return Workload(
            row=_times(episode, documents),
            documents=documents,
            forwards=forwards,
            world=self.world,
            parallel=recipe.parallel,
            optimizer=recipe.optimizer,
            frozen=frozenset(recipe.freeze),
            lora=recipe.lora,
            average=recipe.ema is not None,
        )

    def _copies(self, weights: int) -> list[tuple[str, int]]:
        """Beside the model that learns: the one of the beginning, and a whole one that plays."""
        group = self._workload().group
        began = ("model of the beginning", weights // group if self.recipe.lora is None else 0)
        return [began, ("model that plays", weights if self.world > 1 else 0)]

    def _text(self, kind: str) -> int:
        return min(_TYPICAL[kind], self.settings.max_thought_tokens) + DELIMITERS

    def _episode(self) -> RowCounts:
        """A whole episode as it is learned."""
        recipe, plan = self.recipe, self.recipe.plan(self.settings)
        latents = plan.grid(self.config).num_tokens
        size = self.settings.view.size(*self.settings.clean.size(*plan.size))
        patches = size[0] * size[1] // self.config.vision.patch**2
        redraws = recipe.rollouts.redraws
        copies = (
            recipe.rollouts.window if recipe.learning.method is LearningMethod.GRPO else recipe.noising.copies
        )
        noisy = redraws * copies if recipe.learning.flow else 0
        texts = self._text("system") + self._text("prompt") + (1 + redraws) * self._text("thought")
        count = RowCounts(
            understanding=texts + redraws * (patches + 2 * DELIMITERS) + noisy * DELIMITERS,
            latents=(redraws + noisy) * latents,
            patches=redraws * patches,
            view_pairs=redraws * patches**2,
            labels=redraws * self._text("thought") if recipe.learning.text else 0,
            targets=noisy * latents,
        )
        return replace(count, pairs=count.tokens**2)

    def _num_pictures(self) -> int:
        rollouts = self.recipe.rollouts
        return rollouts.groups * (rollouts.tries + rollouts.siblings * rollouts.redraws)

    def _played_flops(self) -> float:
        """Of drawing every picture, and of reading every episode once; a third of forward and backward."""
        plan, rollouts = self.recipe.plan(self.settings), self.recipe.rollouts
        latents = plan.grid(self.config).num_tokens
        before = self._episode().tokens
        step = RowCounts(latents=latents, targets=latents, pairs=latents * (latents + before))
        evaluations = max(turn.evaluations for turn in plan.turns)
        drawing = self._num_pictures() * evaluations * row_flops(self.config, step, Backward())
        reading = rollouts.groups * rollouts.siblings * row_flops(self.config, self._episode(), Backward())
        return (drawing + reading) / 3


def _times(count: RowCounts, number: int) -> RowCounts:
    return RowCounts(**{name: value * number for name, value in vars(count).items()})
