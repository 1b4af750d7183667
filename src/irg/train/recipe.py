"""What all recipes have in common."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Recipe(BaseModel):
    """One run: what kind it is, and the folder for what it makes. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    out: Path
