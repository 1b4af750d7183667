"""The steps of a plan, and the numbers and rules that stand in them."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from irg.core.settings import BaseSettings
from irg.engine import Renorm, Solver
from irg.engine.flow import MOST_POINTS
from irg.engine.sampling import MOST_GUESSED
from irg.engine.saving import MOST_EVERY
from irg.pipeline.plans.pieces import EmptyAt, Pieces, Without

Name = Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")]
Words = tuple[Annotated[str, Field(min_length=1)], ...]


class DrawNumbers(BaseSettings):
    """How a picture is drawn; None is as what stands above it has it, at last the checkpoint."""

    guidance: Literal["first", "later", "edit"] | None = None
    """Which of the checkpoint's own settings of guidance are meant where numbers are left open; none named
    means text scale 4, image scale 1, from 0.4 to 1, global."""
    points: int | None = Field(default=None, ge=2, le=MOST_POINTS)
    shift: float | None = Field(default=None, gt=0)
    text_scale: float | None = None
    image_scale: float | None = None
    interval: tuple[float, float] | None = None
    renorm: Renorm | None = None
    renorm_min: float | None = Field(default=None, ge=0, le=1)
    every: int | None = Field(default=None, ge=1, le=MOST_EVERY)
    """Run the model at every so-manieth step only."""
    solver: Solver | None = None
    reuse: float | None = Field(default=None, ge=0)
    """Run it again only when its input has changed by so much (`Saving`)."""


class WriteNumbers(BaseSettings):
    """How a text is written; None is as what stands above it has it. Temperature 0 is greedy."""

    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    lookup: int | None = Field(default=None, ge=0, le=MOST_GUESSED)
    """Tokens at most that are guessed at once."""


class Meaning(BaseSettings):
    """When a text means something; it does if any of what is given holds."""

    contains: Words = ()
    lacks: Words = ()
    """None of these is in it."""
    matches: str | None = None
    """A regular expression, found anywhere."""
    right: bool = False
    """It says that nothing is wrong, or cannot be read as a reflection."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.contains or self.lacks or self.matches or self.right):
            raise ValueError("expected contains, lacks, matches or right")
        return self


class Taking(BaseSettings):
    """The part of a text that stands for it: what follows the last `after`, what lies between two, or the
    rest of the last line that begins with `line`. White space at its ends is left out."""

    after: str | None = Field(default=None, min_length=1)
    between: tuple[str, str] | None = None
    line: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(one is not None for one in (self.after, self.between, self.line)) != 1:
            raise ValueError("expected one of after, between and line")
        return self


class WriteStep(WriteNumbers):
    """A text. It is asked in this order whether it is malformed, whether it ends the plan, and whether what
    follows is drawn."""

    write: Name
    reads: Pieces = Field(min_length=1)
    prefix: str = ""
    """The beginning that is given, with places such as {round}."""
    choose: Words = ()
    """What follows it is one of these."""
    until: str | None = Field(default=None, min_length=1)
    """Of what is written only what comes before this is kept."""
    must: Words = ()
    """Regular expressions, found anywhere. What lacks one, or what is to be taken of it, is malformed."""
    malformed: Literal["stop", "draw", "skip"] = "stop"
    """End the plan with the newest picture as its result, go on, or draw nothing in this pass."""
    take: Taking | None = None
    fields: dict[Name, str] = Field(default_factory=dict)
    """Regular expressions, the first group of each being a value for the template `canonical`."""
    canonical: str | None = None
    """A rewriting of the text, read as NAME:canonical, with places for the fields, {prompt} and {round}."""
    stop_if: Meaning | Literal["never"] = "never"
    draw_if: Meaning | Literal["always"] = "always"
    """Else the pictures of this pass that come before the next text are not drawn."""
    votes: int = Field(default=1, ge=1, le=100)
    """Written again up to so many times in all: only if all of them say so the plan ends."""


class DrawStep(DrawNumbers):
    """A picture, and what is kept of its reading list by the branches of guidance."""

    draw: Name
    reads: Pieces = Field(min_length=1)
    text_branch: Pieces | Without | EmptyAt | Literal["none", "empty"] = "none"
    image_branch: Pieces | Without | Literal["none", "texts"] = "none"
    """`texts` are all texts of the reading list."""


def _tag_of_step(value: Any) -> str:
    return "draw" if isinstance(value, DrawStep) or (isinstance(value, dict) and "draw" in value) else "write"


Step = Annotated[
    Annotated[WriteStep, Tag("write")] | Annotated[DrawStep, Tag("draw")], Discriminator(_tag_of_step)
]
Steps = tuple[Step, ...]
