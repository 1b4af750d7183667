"""What all recipes have in common."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from irg.core.files import write_atomically


class Recipe(BaseModel):
    """One run: what kind it is, and the folder for what it makes. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    out: Path

    @property
    def file(self) -> Path:
        """Where it is saved, every default written out, beside what it makes."""
        return self.out / f"{self.kind}.yaml"

    def save(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        write_atomically(self.file, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False))
