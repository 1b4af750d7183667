"""What one training run of the unified model does: the recipe, `kind: unified`."""

from pydantic import Field, model_validator

from irg.core.settings import BaseSettings
from irg.run.model_recipe import DataSettings, ModelRecipe


class EvaluationSettings(BaseSettings):
    """Losses over held-out data, and pictures drawn during training."""

    every: int = Field(default=500, ge=1)
    data: tuple[DataSettings, ...] = ()
    steps: int = Field(4, ge=1)
    """Steps' worth of held-out documents, always the same."""
    prompts: tuple[str, ...] = ()
    """Prompts for which the averaged weights draw whole episodes."""
    turns: int | None = Field(None, ge=1)
    """None: as many as the finished checkpoint draws."""


class TrainRecipe(ModelRecipe):
    """One run over stored documents."""

    kind: str = "unified"
    epochs: int | None = Field(None, ge=1)
    evaluation: EvaluationSettings | None = None

    @property
    def rounds(self) -> int | None:
        return self.epochs

    @model_validator(mode="after")
    def _ends(self) -> "TrainRecipe":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("a recipe has either steps or epochs")
        return self
