"""What any run of the unified model is told: where it begins, its stored data, how its weights move.

What is trained on them is a recipe of its own: `irg.train.settings`, `irg.rl.settings`.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from irg.core.recipe import Recipe
from irg.core.settings import BaseSettings, Seed
from irg.data.compose import Dropout, Noising
from irg.data.learning import Mode, ModeQuestions
from irg.data.scene_source import SceneKind
from irg.model.adapters import LoraSettings
from irg.model.parts import ModelPart
from irg.pipeline import Settings
from irg.prep import Resize
from irg.run.losses import Reduction
from irg.run.metrics import LogSettings
from irg.run.optimizers import OptimizerSettings
from irg.run.parallel import ParallelSettings
from irg.run.schedule import ScheduleSettings
from irg.run.settings import NonFinite, SavingSettings


class DataSettings(BaseSettings):
    """One dataset of the mixture."""

    path: Path | None = None
    """A store of traces, or parquet files with published `conversation` rows."""
    scenes: SceneKind | None = None
    """Instead of a path: scenes made on the fly."""
    modes: dict[Mode, float] = Field(default_factory=dict)
    """Learning modes of a store of traces, with their weights in the mixture; none: each that a row teaches.
    Rows that are documents already keep their own; modes then choose among them, and none means all."""
    weight: float = 1.0
    """Multiplies the weights of the modes, or is that of a dataset without any."""
    required: tuple[Mode, ...] = ()
    """Modes of which every step has at least one document."""
    size: int = Field(default=1_000_000, ge=1)
    seed: Seed = 0
    right: float = Field(default=0.3, ge=0, le=1)
    """Of scenes: how many there are, their seed, and the share of first pictures that are right already."""

    @model_validator(mode="after")
    def _one_origin(self) -> "DataSettings":
        if (self.path is None) == (self.scenes is None):
            raise ValueError("a dataset has either a path or scenes")
        if unknown := [mode for mode in self.required if mode not in self.modes]:
            raise ValueError(f"required modes {', '.join(unknown)} are not among the dataset's modes")
        return self


class BatchSettings(BaseSettings):
    """How documents are packed into rows, and rows into steps."""

    tokens: int | None = Field(default=None, ge=1)
    """Token budget of a row."""
    fit: bool = False
    """Take the budget, from nine tenths of `tokens` up to it, that the stored data's lengths fill best."""
    documents: int | None = Field(default=None, ge=1)
    """Instead of a budget: documents of a row."""
    rows: int = Field(default=1, ge=1)
    """Rows of a step: of all processes together if the global batch is fixed, of each if it is scaled."""
    accumulate: int = Field(default=1, ge=1)
    """Forwards into which a process divides its rows of a step; the gradients are those of one forward."""
    lookahead: int = Field(default=128, ge=1)
    """Documents among which the packer chooses."""
    longest: int | None = Field(default=None, ge=1)
    """Longer documents are rejected; without it, those that do not fit into a row."""

    @model_validator(mode="after")
    def _one_measure(self) -> "BatchSettings":
        if (self.tokens is None) == (self.documents is None):
            raise ValueError("batch needs either tokens or documents")
        if self.fit and self.tokens is None:
            raise ValueError("batch.fit chooses among budgets of tokens: documents have none")
        return self


class LossSettings(BaseSettings):
    text_weight: float = Field(default=1.0, ge=0)
    flow_weight: float = Field(default=1.0, ge=0)
    text: Reduction = Reduction.TOKEN
    flow: Reduction = Reduction.TOKEN


class ModelRecipe(Recipe):
    """One run of the unified model, whatever it learns."""

    makes: ClassVar[str] = "training run"
    init: str | None = None
    """A checkpoint folder or hub id to start from, or `embedded`; None: weights are drawn at random."""
    preset: Literal["tiny", "embedded"] = "embedded"
    """The sizes of a model drawn at random."""
    parts: str | None = None
    """Where the tokenizer and the autoencoder come from; None: from `init`."""
    seed: Seed = 0
    steps: int | None = Field(default=None, ge=1)
    stop_at: int | None = Field(default=None, ge=1)
    """Leave off after this step, though the schedule is that of all `steps`."""
    data: tuple[DataSettings, ...]
    questions: ModeQuestions = ModeQuestions()
    batch: BatchSettings
    global_batch: Literal["fixed", "scaled"] = "scaled"
    """Whether a step has the same rows on any number of processes, or more rows on more processes."""
    loss: LossSettings = LossSettings()
    noising: Noising = Noising()
    dropout: Dropout = Dropout()
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    ema: float | None = Field(default=0.995, ge=0, lt=1)
    """Decay of the averaged weights; None keeps no average, and saves four bytes for each trained weight."""
    ema_warmup: bool = False
    """Average over the last few steps at first, so that short runs forget their random beginning."""
    clip: float = Field(default=1.0, gt=0)
    """Longest gradient of all trained weights together; longer ones are shortened to it."""
    non_finite: NonFinite = NonFinite.STOP
    """What becomes of a step whose loss or gradient is infinite or no number: it never moves anything."""
    freeze: tuple[ModelPart, ...] = ()
    lora: LoraSettings | None = None
    parallel: ParallelSettings = ParallelSettings()
    device: str | None = None
    workers: int = Field(default=0, ge=0)
    remember: int = Field(default=0, ge=0)
    """Pictures whose latents are kept, for small worlds whose pictures come again."""
    checkpoint: SavingSettings = SavingSettings()
    log: LogSettings = LogSettings()
    clean: Resize | None = None
    view: Resize | None = None
    """How training resizes images for the autoencoder and the vision tower; None: as the settings say."""
    settings: dict[str, Any] | None = None
    """How the finished checkpoint wants to be used, its `irg.json`: what is given here changes what stands in
    that of `init` (without one, of `parts`)."""

    @property
    def rounds(self) -> int | None:
        """How often stored data come; None: as long as there are steps."""
        return None

    @field_validator("settings")
    @classmethod
    def _are_settings(cls, given: dict[str, Any] | None) -> dict[str, Any] | None:
        Settings().changed_by(given or {})
        return given

    @model_validator(mode="after")
    def _has_parts(self) -> "ModelRecipe":
        if self.init is None and self.parts is None:
            raise ValueError("a model drawn at random needs parts: where its tokenizer and autoencoder are")
        return self
