"""The parts of a recipe: what each stage does, and by whom. `irg.curate.recipe` puts them together."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from irg.core.settings import BaseSettings
from irg.curate.contamination import Contamination
from irg.curate.oracle import CandidateChoice
from irg.curate.student import DrawingCheckpoint
from irg.curate.teacher import Improvement, JudgeSettings
from irg.curate.teacher.prompts import SUBJECTS
from irg.curate.texts import FIELDS
from irg.endpoint import EndpointSettings
from irg.endpoint.asking import Sampling

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


_FAMILIES = {
    "single": 1,
    "two": 1,
    "counting": 1.5,
    "colors": 1,
    "position": 3,
    "attribution": 1.5,
    "compound": 3,
}
"""The scene world's kinds of prompts, by weight."""


class _Propose(BaseSettings):
    count: Count
    """Records: prompts that are new and nobody's benchmark. What is rejected comes on top."""
    repeats: Count = 1
    """Records that may share a prompt."""
    contamination: Contamination = Contamination()


class GrammarProposes(_Propose):
    """Prompts of the scene world, of its training split."""

    by: Literal["grammar"]
    families: dict[str, float] = Field(default_factory=lambda: dict(_FAMILIES))


class FilesPropose(_Propose):
    """Prompts of files, in their order."""

    by: Literal["files"]
    files: tuple[Path, ...]
    fields: tuple[str, ...] = FIELDS
    licence: str = ""
    image: str | None = None
    """The field of pictures, where each prompt comes with a good one of it."""


class TeacherProposes(_Propose):
    """Prompts by a teacher, about subjects in turn."""

    by: Literal["teacher"]
    teacher: str
    subjects: Annotated[tuple[str, ...], Field(min_length=1)] = SUBJECTS
    batch: Count = 20
    """Prompts asked for at once."""
    licence: str = ""


Propose = Annotated[GrammarProposes | FilesPropose | TeacherProposes, Field(discriminator="by")]


class OracleThinks(BaseSettings):
    by: Literal["oracle"]
    student: Share = 0.0
    """Records left to the student's own thoughts."""


class TeacherThinks(BaseSettings):
    by: Literal["teacher"]
    teacher: str
    look: bool = False
    """From the prompt and the picture that it came with, not from the prompt alone."""
    words: Count = 150
    student: Share = 0.0
    """Records left to the student's own thoughts."""


class StudentThinks(BaseSettings):
    by: Literal["student"]


Think = Annotated[OracleThinks | TeacherThinks | StudentThinks, Field(discriminator="by")]


class StudentDraws(DrawingCheckpoint):
    """The student and its candidates; in the scene world, pictures that are flawed on purpose among them."""

    candidates: Count = 1
    flawed: Share = 0.0
    """Of the records with the oracle's thought: image 1 is that scene with programmatic flaws."""
    untouched: Share = 0.0
    """Of those: left without a flaw."""


class OracleImproves(BaseSettings):
    by: Literal["oracle"]
    choice: CandidateChoice = CandidateChoice.FIRST


class CheckpointImproves(DrawingCheckpoint):
    by: Literal["checkpoint"]
    turns: Count = 1


class TeacherImproves(BaseSettings):
    """An images API."""

    by: Literal["teacher"]
    teacher: str
    size: tuple[Count, Count] = (1024, 1024)
    how: Improvement = Improvement.DRAW


class GivenImproves(BaseSettings):
    """The picture that the prompt came with."""

    by: Literal["given"]


Improve = Annotated[
    OracleImproves | CheckpointImproves | TeacherImproves | GivenImproves, Field(discriminator="by")
]


class OracleJudges(BaseSettings):
    by: Literal["oracle"]


class TeacherJudges(JudgeSettings):
    by: Literal["teacher"]
    teacher: str


Judge = Annotated[OracleJudges | TeacherJudges, Field(discriminator="by")]


class OracleReflects(BaseSettings):
    by: Literal["oracle"]


class TeacherReflects(BaseSettings):
    by: Literal["teacher"]
    teacher: str


Reflect = Annotated[OracleReflects | TeacherReflects, Field(discriminator="by")]


class TeacherPart(BaseSettings):
    """A model behind an endpoint, how it writes, and the templates that it is asked in."""

    endpoint: EndpointSettings
    sampling: Sampling = Sampling()
    templates: Path | None = None
    """A file with templates to use in place of the package's own."""
