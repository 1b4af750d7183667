"""The recipe of a run: a YAML file that says what each stage does and by whom."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from irg.core import recipe
from irg.core.recipe import Recipe
from irg.curate.emit import EmitSettings
from irg.curate.filters import FilterSettings
from irg.curate.looks import LooksSettings
from irg.curate.parts import (
    Count,
    FilesPropose,
    GivenImproves,
    Improve,
    Judge,
    OracleImproves,
    OracleThinks,
    Propose,
    Reflect,
    StudentDraws,
    TeacherPart,
    TeacherThinks,
    Think,
)
from irg.curate.select import SelectSettings
from irg.data.sets import CURATION
from irg.endpoint.settings import Bounds
from irg.stages.runner import Concurrency


class CurateRecipe(Recipe):
    """A run of curation. Teachers are named, and stages name the one they ask."""

    makes: ClassVar[str] = CURATION
    kind: str = "curate"
    seed: int = Field(default=0, ge=0)
    shard: Count = 64
    """Records that go through the stages together: what an interrupted stage has to do again."""
    propose: Propose
    think: Think
    draw: StudentDraws = StudentDraws()
    improve: Improve
    judge: Judge
    reflect: Reflect
    filter: FilterSettings = FilterSettings()
    looks: LooksSettings = LooksSettings()
    select: SelectSettings = SelectSettings()
    emit: EmitSettings = EmitSettings()
    teachers: dict[str, TeacherPart] = Field(default_factory=dict)
    budget: Bounds = Bounds()
    run: Concurrency = Concurrency()

    @model_validator(mode="after")
    def _fits_together(self) -> "CurateRecipe":
        for stage, teacher in self._asking.items():
            if teacher not in self.teachers:
                known = ", ".join(self.teachers) or "there are none"
                raise ValueError(f"{stage}.teacher {teacher!r}: expected one of teachers ({known})")
        if self.select.similarity is not None and self.looks.embedding is None:
            raise ValueError("select.similarity compares embeddings: expected looks.embedding to be given")
        if self.draw.flawed and not isinstance(self.think, OracleThinks):
            raise ValueError("draw.flawed flaws the oracle's scenes: expected think.by to be oracle")
        if self.draw.candidates > 1 and not isinstance(self.improve, OracleImproves):
            raise ValueError("draw.candidates above 1: expected improve.by to be oracle, which chooses")
        looks = isinstance(self.think, TeacherThinks) and self.think.look
        if looks or isinstance(self.improve, GivenImproves):
            self._expect_pictures()
        return self

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the teachers that a stage asks."""
        return tuple(dict.fromkeys(self._asking.values()))

    @property
    def ways(self) -> dict[str, Any]:
        """How the stages that ask a teacher ask it, by their names."""
        return {stage: self.teachers[name].endpoint.how for stage, name in self._asking.items()}

    @property
    def _asking(self) -> dict[str, str]:
        """The teachers' names by the parts that name one."""
        parts = {name: getattr(self, name) for name in ("propose", "think", "improve", "judge", "reflect")}
        return {name: part.teacher for name, part in parts.items() if hasattr(part, "teacher")}

    def _expect_pictures(self) -> None:
        if not isinstance(self.propose, FilesPropose) or self.propose.image is None:
            raise ValueError("prompts are to come with pictures: expected propose.image to name their field")


def read_recipe(
    path: Path, overrides: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> CurateRecipe:
    """The validated recipe of a file (`irg.core.recipe`). Raises ValueError that says what is wrong."""
    return recipe.read_recipe(path, {"curate": CurateRecipe}, overrides, options)
