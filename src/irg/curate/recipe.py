"""The recipe of a run: a YAML file that says what each stage does and by whom."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from irg.core.settings_file import read_settings
from irg.curate.filters import FilterSettings
from irg.curate.looks import LooksSettings
from irg.curate.oracle import Choice
from irg.curate.select import SelectSettings
from irg.curate.student import Checkpoint
from irg.curate.texts import FIELDS

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A part of a recipe. Unknown keys are errors; a key may also be a Python keyword's alias."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Contamination(Part):
    """What proposals may not be (`irg.curate.contamination`)."""

    files: tuple[Path, ...] = ()
    """Files, or folders of them, with the benchmarks' prompts."""
    fields: tuple[str, ...] = FIELDS
    ngram: Count = 8
    overlap: Annotated[float, Field(gt=0, le=1)] = 0.5
    scenes: bool = False
    """The prompts are the scene world's, and may not be of its held-out splits."""


class Proposed(Part):
    """What is common to all ways to propose."""

    count: Count
    """Records: prompts that are new and nobody's benchmark. What is rejected comes on top."""
    repeats: Count = 1
    """Records that may share a prompt."""
    contamination: Contamination = Contamination()


class GrammarPropose(Proposed):
    """Prompts of the scene world, of its training split."""

    by: Literal["grammar"] = Field(alias="from")
    families: dict[str, float] = {
        "single": 1,
        "two": 1,
        "counting": 1.5,
        "colors": 1,
        "position": 3,
        "attribution": 1.5,
        "compound": 3,
    }


class FilePropose(Proposed):
    """Prompts of files, in their order."""

    by: Literal["files"] = Field(alias="from")
    files: tuple[Path, ...]
    fields: tuple[str, ...] = FIELDS
    licence: str = ""


class OracleThinks(Part):
    by: Literal["oracle"]
    student: Share = 0.0
    """Records left to the student's own thoughts."""


class StudentThinks(Part):
    by: Literal["student"]


class Drawn(Checkpoint):
    """The student and its candidates; in the scene world, pictures that are flawed on purpose among them."""

    candidates: Count = 1
    flawed: Share = 0.0
    """Of the records with a teacher's thought: image 1 is that scene with programmatic flaws."""
    untouched: Share = 0.0
    """Of those: left without a flaw."""


class OracleImproves(Part):
    by: Literal["oracle"]
    choice: Choice = Choice.FIRST


class CheckpointImproves(Checkpoint):
    by: Literal["checkpoint"]
    turns: Count = 1


class OracleJudges(Part):
    by: Literal["oracle"]


class OracleReflects(Part):
    by: Literal["oracle"]


class Emitting(Part):
    """How the set is written."""

    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of prompts kept from training."""
    jpeg_quality: Annotated[int, Field(ge=1, le=95)] | None = None
    """Pictures as JPEG of this quality; None for PNG, as they were made."""


class Running(Part):
    """What decides on the time a run takes and not on what it makes."""

    shards: Count = 4
    """Shards under way at once."""
    cpu: Count = 2
    """Threads for stages that compute on the CPU."""
    device: Count = 1
    """Threads for stages that draw; without a GPU, as many as there are cores and `draw.threads` 1."""


class CurateRecipe(Part):
    """A run of curation."""

    kind: Literal["curate"] = "curate"
    out: Path
    seed: int = 0
    shard: Count = 64
    """Records that go through the stages together: what an interrupted stage has to do again."""
    propose: Annotated[GrammarPropose | FilePropose, Field(discriminator="by")]
    think: Annotated[OracleThinks | StudentThinks, Field(discriminator="by")]
    draw: Drawn = Drawn()
    improve: Annotated[OracleImproves | CheckpointImproves, Field(discriminator="by")]
    judge: Annotated[OracleJudges, Field()]
    reflect: Annotated[OracleReflects, Field()]
    filter: FilterSettings = FilterSettings()
    looks: LooksSettings = LooksSettings()
    select: SelectSettings = SelectSettings()
    emit: Emitting = Emitting()
    run: Running = Running()

    @model_validator(mode="after")
    def _fits_together(self) -> "CurateRecipe":
        if self.select.similarity is not None and self.looks.embedding is None:
            raise ValueError("select.similarity compares embeddings: expected looks.embedding to be given")
        if self.draw.flawed and not isinstance(self.think, OracleThinks):
            raise ValueError("draw.flawed flaws the oracle's scenes: expected think.by to be oracle")
        if isinstance(self.improve, CheckpointImproves) and self.draw.candidates > 1:
            raise ValueError("draw.candidates: more than one expects improve.by to choose among them")
        return self


def read_recipe(path: Path, overrides: list[str] | None = None) -> CurateRecipe:
    """The validated recipe of a file. Raises ValueError that says what is wrong with it."""
    return check_recipe(read_settings(path, overrides or []), str(path))


def check_recipe(content: dict[str, Any], name: str) -> CurateRecipe:
    try:
        return CurateRecipe.model_validate(content)
    except ValidationError as wrong:
        raise ValueError(f"{name}: {wrong}") from wrong
