"""Plan files: an episode as steps, each of which writes a text or draws a picture, and says what it reads.

A context is always stated in full, as a list of pieces (`irg.pipeline.plans.pieces`), and so are the branches
of guidance. That one list goes on from another is seen when it is run, and costs what it would cost if a plan
said so. What a number leaves open is as the checkpoint's settings have it.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from irg.core import Grid
from irg.core.settings import BaseSettings
from irg.engine import Renorm, Saving
from irg.model import ModelConfig
from irg.pipeline.plans.check import check
from irg.pipeline.plans.pieces import INPUT, PieceName, names_of
from irg.pipeline.plans.steps import DrawNumbers, DrawStep, Name, Step, Steps, WriteNumbers
from irg.prep import Resize

MOST_REPEATS = 1000
"""Far beyond any context."""
Side = Annotated[int, Field(ge=1)]


class SystemSource(BaseSettings):
    """Where a system prompt is: in the plan, in a file beside it, or published at an address.

    `constant` is the name of the variable of a Python file that holds it. `sha256` is that of the text in
    UTF-8; without one it is pinned when the text is fetched first.
    """

    text: str | None = None
    file: Path | None = None
    address: str | None = Field(default=None, pattern=r"^https?://\S+$")
    constant: Name | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    strip: bool = False
    """Without the white space at its ends, which it was not trained with."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(one is not None for one in (self.text, self.file, self.address)) != 1:
            raise ValueError("expected one of text, file and address")
        return self


System = Literal["none", "checkpoint"] | SystemSource
"""`checkpoint` is the system prompt of the checkpoint's own settings."""


class Resizes(BaseSettings):
    """How pictures are resized before they are read, as (most, least, stride) pixels of a side; what is left
    open is as the checkpoint has it."""

    clean: tuple[int, int, int] | None = None
    view: tuple[int, int, int] | None = None
    view_of: Literal["clean", "picture"] = "clean"
    """Whether a given picture is looked at as resized for the autoencoder first, as in the reference."""

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        for sizes in (self.clean, self.view):
            if sizes is not None:
                Resize(*sizes)
        return self


class Retry(BaseSettings):
    """Begin anew where a plan ended without a picture: so many attempts in all, with other numbers each."""

    attempts: int = Field(ge=1, le=100)
    seed_step: int = Field(default=1, ge=0)
    temperature_step: float = Field(default=0.0, ge=0)
    temperature_max: float = Field(default=1.0, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    """Of texts, from the second attempt on."""


class StepPlan(BaseSettings):
    """A plan file."""

    plan: Literal[1]
    """The version of this format."""
    about: str = ""
    checkpoints: tuple[str, ...] = ()
    """The hub ids that it was made for."""
    system: System = "none"
    systems: dict[Name, System] = Field(default_factory=dict)
    resize: Resizes = Resizes()
    size: tuple[Side, Side] | Literal["input", "checkpoint"] = "checkpoint"
    """Width and height in pixels; `input` is that of the last given picture, resized for the autoencoder, and
    the checkpoint's where none was given."""
    inputs: Literal["needed", "optional"] = "needed"
    """Whether pictures have to be given to a plan that reads `input`."""
    write_defaults: WriteNumbers = WriteNumbers()
    draw_defaults: DrawNumbers = DrawNumbers()
    first: Steps = ()
    """Run once."""
    repeat: Steps = ()
    """Run while nothing ends the plan, up to `max_repeats` times."""
    max_repeats: int | None = Field(default=None, ge=0, le=MOST_REPEATS)
    closing_write: bool = False
    """After the last pass its leading text is written once more."""
    stop_when_right: bool = False
    """Also ends when the first text of a pass says that nothing is wrong, or cannot be read as a reflection:
    the picture stays as it is."""
    retry: Retry | None = None
    returns: Literal["last", "all", "text"] = "last"
    """What the result is: the last picture, all of them, or the last text."""
    preview_every: int = Field(default=0, ge=0)
    """A preview with every so many steps of a picture."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        check(self)
        return self

    @property
    def steps(self) -> Steps:
        """Those that are run once, and those that are repeated."""
        return (*self.first, *self.repeat)

    @property
    def num_images(self) -> int:
        """Pictures of an episode that nothing ends early."""
        return _drawn(self.first) + _drawn(self.repeat) * (self.max_repeats or 0)

    @property
    def reads_input(self) -> bool:
        """Whether any step reads given pictures."""
        return any(PieceName.of(piece).name == INPUT for step in self.steps for piece in names_of(step.reads))

    def check_inputs(self, num_given: int) -> None:
        """Raise ValueError for pictures that are given and not read, or lack."""
        if num_given and not self.reads_input:
            raise ValueError("pictures were given, but the plan reads none (input:cv)")
        if self.reads_input and self.inputs == "needed" and not num_given:
            raise ValueError("the plan reads a picture (input), but none was given")

    def as_json(self) -> dict[str, Any]:
        """What `model_validate` reads: all that differs from the defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def with_turns(self, turns: int) -> Self:
        """The same for so many pictures in all. Raises ValueError where that cannot be."""
        once, again = _drawn(self.first), _drawn(self.repeat)
        rounds, rest = divmod(turns - once, again) if again else (0, turns - once)
        if rounds < 0 or rest:
            more = f", and {again} with each pass" if again else ""
            raise ValueError(f"turns {turns}: this plan draws {once} picture{'s' * (once != 1)}{more}")
        return self.changed(max_repeats=rounds) if again else self

    def changed(self, **values: Any) -> Self:
        """With other values of its own, checked."""
        return type(self).model_validate({**dict(self), **values})

    def with_guidance(
        self,
        text_scale: float | None = None,
        image_scale: float | None = None,
        interval: tuple[float, float] | None = None,
        renorm: Renorm | str | None = None,
        renorm_min: float | None = None,
    ) -> Self:
        """With this guidance in every step that draws; None leaves what each has. See `Guidance`."""
        told = {"text_scale": text_scale, "image_scale": image_scale, "interval": interval}
        return self.with_numbers({**told, "renorm": renorm, "renorm_min": renorm_min}, {})

    def with_drawing(
        self,
        num_points: int | None = None,
        shift: float | None = None,
        steps: int | None = None,
        saving: Saving | None = None,
    ) -> Self:
        """With every picture drawn so; None leaves what each step has. N steps are N + 1 points, of which one
        of the two is given."""
        if steps is not None:
            if num_points is not None:
                raise ValueError(f"{num_points} time points and {steps} steps: expected one of the two")
            num_points = steps + 1
        saved = {} if saving is None else asdict(saving)
        return self.with_numbers({"points": num_points, "shift": shift, **saved}, {})

    def with_text(
        self,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        lookup: int | None = None,
    ) -> Self:
        """With every text written so; None leaves what each step has. See `TextSampling`."""
        told = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "lookup": lookup}
        return self.with_numbers({}, told)

    def with_system_prompt(self, text: str) -> Self:
        """With this system prompt in the place of all that it has; empty for none."""
        system: System = SystemSource(text=text) if text else "none"
        return self.changed(system=system, systems=dict.fromkeys(self.systems, system))

    def with_previews(self, every: int) -> Self:
        """With a preview of each picture with every so many of its steps."""
        return self.changed(preview_every=every)

    def with_size(self, width: int | None, height: int | None) -> Self:
        """With pictures of this size; None leaves that side. Raises ValueError where it cannot be left."""
        if width is None and height is None:
            return self
        if isinstance(self.size, str) and (width is None or height is None):
            raise ValueError("the plan's size is that of its input: expected both a width and a height")
        usual = self.size if isinstance(self.size, tuple) else (0, 0)
        return self.changed(size=(width or usual[0], height or usual[1]))

    def grid(self, config: ModelConfig) -> Grid | None:
        """The latent tokens of its pictures; None where their size is that of what is given. Raises
        ValueError for a size that the model cannot draw."""
        return config.grid_of(*self.size) if isinstance(self.size, tuple) else None

    def with_numbers(self, drawing: dict[str, Any], writing: dict[str, Any]) -> Self:
        """With these numbers in every step that draws, and in every one that writes; None leaves them."""

        def told(step: Step) -> Step:
            given = drawing if isinstance(step, DrawStep) else writing
            return step.changed_by({name: value for name, value in given.items() if value is not None})

        return self.changed(first=tuple(map(told, self.first)), repeat=tuple(map(told, self.repeat)))


def _drawn(steps: Steps) -> int:
    return sum(isinstance(step, DrawStep) for step in steps)
