"""What a run of reinforcement learning does: the recipe, `kind: rl`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from irg.core.settings import BaseSettings, Seed
from irg.engine import Sampler, Stepping
from irg.pipeline import Plan, Settings
from irg.rl.rewards import RewardSettings
from irg.run.model_recipe import BatchSettings, DataSettings, ModelRecipe
from irg.world import Family, Split

_LEAST_POINTS = 4
"""Of a drawing with steps that have noise: neither its first nor its last may have any."""


class PromptSettings(BaseSettings):
    """Where prompts come from: the scene world, or a file of lines such as {"prompt": "a red star"}, whose
    other keys are for the rewards."""

    scenes: dict[Family, Annotated[float, Field(ge=0)]] | None = None
    """Families, with how often each comes."""
    split: Split = Split.TRAIN
    """Of scenes: which wordings."""
    file: Path | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "PromptSettings":
        if (self.scenes is None) == (self.file is None):
            raise ValueError("prompts are either of scenes or in a file")
        if self.scenes is not None and not any(self.scenes.values()):
            raise ValueError("prompts of scenes: expected a family that comes at all")
        return self


class RolloutSettings(BaseSettings):
    """How episodes are played: groups of siblings that share their first thought and picture."""

    groups: int = Field(default=32, ge=1)
    """Of a step, over all processes."""
    siblings: int = Field(default=8, ge=2)
    redraws: int = Field(default=1, ge=1)
    """Reflections, with a picture after each."""
    tries: int = Field(default=4, ge=1)
    """First pictures that are drawn for a group, each for a prompt of its own, until one is wrong."""
    right: float = Field(default=0.15, ge=0, le=1)
    """The share of groups that take their first picture, right or wrong: without any, nobody learns to leave
    what is right alone."""
    batch: int = Field(default=64, ge=1)
    """Episodes that are drawn together."""
    first_temperature: float = Field(default=0.3, ge=0)
    temperature: float = Field(default=0.9, gt=0)
    """Of reflections."""
    guided: bool = False
    """Whether drawing is guided as the checkpoint wants it; what learns flow from its own steps is not."""
    common_noise: bool = True
    """Whether siblings draw from the same noise, so that what differs is what they wrote."""
    sampler: Sampler = Sampler()
    window: int = Field(default=2, ge=1)
    """Steps of a drawing that have noise, one after the other, the same for all siblings of a group; only
    where flow is learned from them."""


class LearningMethod(StrEnum):
    """How weights follow from rewards."""

    GRPO = "grpo"
    """What is better than its siblings becomes likelier, texts and noisy steps alike."""
    NFT = "nft"
    """Texts likewise. Of flow, no steps are kept: what is drawn from better pictures' noise is drawn towards
    them, and away from worse ones (DiffusionNFT)."""
    REJECTION = "rejection"
    """The best sibling of a group is imitated: the baseline."""


class LearningSettings(BaseSettings):
    """What is learned of rewarded episodes, and how far from the start it may lead."""

    method: LearningMethod = LearningMethod.GRPO
    text: float = Field(default=1.0, ge=0)
    """Weight of reflections; 0 leaves them alone."""
    flow: float = Field(default=0.0, ge=0)
    """Weight of drawing; 0 leaves it alone."""
    kl_text: float = Field(default=1e-3, ge=0)
    kl_flow: float = Field(default=1e-3, ge=0)
    """Weights of the distance from the model of the beginning: of texts, and of velocities."""
    anchor: float = Field(default=1.0, ge=0)
    """Weight of the losses of `data`, where there are any."""
    strength: float = Field(default=1.0, gt=0)
    """NFT's beta: how far the two velocities that are compared lie apart."""
    tokens: int = Field(default=16384, ge=1)
    """Of the episodes in one forward, at most."""

    @model_validator(mode="after")
    def _learns(self) -> "LearningSettings":
        if not self.text and not self.flow:
            raise ValueError("text 0 and flow 0: nothing would be learned")
        return self


class ReturnSettings(BaseSettings):
    """What a whole episode is worth, by the grades of its pictures, and how siblings are compared
    (UMM-Reflection)."""

    gain: float = Field(default=0.3, ge=0)
    """Of each rise from a picture to the next."""
    loss: float = Field(default=0.5, ge=0)
    """Of each fall. No less than `gain`, or breaking and mending would pay."""
    premature: float = Field(default=0.5, ge=0)
    """Off, where the last reflection finds nothing to change in an episode that ends wrong."""
    malformed: float = Field(default=0.5, ge=0)
    """Off the advantage of an episode with a malformed text, which is at best 0 before."""
    floor: float = Field(default=0.1, gt=0)
    """Least standard deviation that differences within a group are divided by."""

    @model_validator(mode="after")
    def _does_not_pay_to_break(self) -> "ReturnSettings":
        if self.loss < self.gain:
            raise ValueError(f"loss {self.loss} below gain {self.gain}: breaking and mending would pay")
        return self


class GuardSettings(BaseSettings):
    """What ends a run that has gone wrong, before it moves the weights any further."""

    deviation: float = Field(default=0.05, gt=0)
    """Nats a token, on average, between how likely texts were when sampled and are when replayed."""
    runaway: float = Field(default=20.0, gt=0)
    """Nats by which no token may differ from the model of the beginning."""
    malformed: float = Field(default=0.3, gt=0, le=1)
    """Share of episodes with a malformed text."""
    done: tuple[float, float] = (0.0, 1.0)
    """Band of the share of last reflections that find nothing to change, over the last ten steps."""
    kl_flow: float = Field(default=0.5, gt=0)
    unanswered: float = Field(default=0.1, ge=0, le=1)
    """Share of pictures that rewards gave no answer about."""

    @model_validator(mode="after")
    def _is_a_band(self) -> "GuardSettings":
        low, high = self.done
        if not 0 <= low <= high <= 1:
            raise ValueError(f"done {low:g} to {high:g}: expected shares in order, such as [0.05, 0.9]")
        return self


class TrialSettings(BaseSettings):
    """Episodes for prompts that are never trained on, played with the averaged weights."""

    every: int = Field(default=50, ge=1)
    prompts: int = Field(default=64, ge=1)
    source: PromptSettings
    redraws: int | None = Field(default=None, ge=1)
    """None: as many as in training."""


class RlRecipe(ModelRecipe):
    """One run of reinforcement learning."""

    makes: ClassVar[str] = "reinforcement learning run"
    kind: str = "rl"
    init: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    steps: int = Field(ge=1)  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    prompts: PromptSettings
    rewards: tuple[RewardSettings, ...] = Field(min_length=1)
    rollouts: RolloutSettings = RolloutSettings()
    returns: ReturnSettings = ReturnSettings()
    learning: LearningSettings = LearningSettings()
    guards: GuardSettings = GuardSettings()
    trials: TrialSettings | None = None
    samples: int = Field(default=25, ge=1)
    """Steps from one saved group of sample episodes to the next."""
    data: tuple[DataSettings, ...] = ()
    """What anchors the run: ordinary training data, of which every step has a batch."""
    batch: BatchSettings = BatchSettings(documents=8)
    seed: Seed = 0

    @property
    def keeps_steps(self) -> bool:
        """Whether drawing is learned from the steps that were taken."""
        return bool(self.learning.flow) and self.learning.method is LearningMethod.GRPO

    def plan(self, settings: Settings, redraws: int | None = None) -> Plan:
        """How an episode goes, by the settings of the checkpoint."""
        turns = 1 + (self.rollouts.redraws if redraws is None else redraws)
        plan = settings.plan(turns, think=True)
        if not self.rollouts.guided:
            plan = plan.with_guidance(text_scale=1.0, image_scale=1.0)
        if self.keeps_steps:
            for number, turn in enumerate(plan.turns[1:], start=2):
                if turn.num_points < _LEAST_POINTS:
                    raise ValueError(
                        f"learning.flow: turn {number} has {turn.num_points} time points, expected at least "
                        f"{_LEAST_POINTS} for steps with noise"
                    )
        return plan.with_text(temperature=self.rollouts.first_temperature)

    @model_validator(mode="after")
    def _replays_what_it_draws(self) -> "RlRecipe":
        if self.keeps_steps and self.rollouts.guided:
            raise ValueError("rollouts.guided with learning.flow: steps are replayed without guidance")
        sampler = self.rollouts.sampler
        if self.keeps_steps and (sampler.kind is Stepping.EULER or not sampler.noise):
            raise ValueError(
                f"rollouts.sampler {sampler.kind}, noise {sampler.noise:g} with learning.flow: "
                "expected steps with noise"
            )
        return self
