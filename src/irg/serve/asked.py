"""What was asked, understood: what was said and shown, how it is to be done, and what the engine is to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image
from pydantic import ValidationError

from irg.pipeline import Settings
from irg.prep import Tokenizer
from irg.serve.fields import DrawingFields, TextFields
from irg.serve.limits import Outline
from irg.serve.refusals import invalid
from irg.serve.service import EngineRequest
from irg.world.wording import OutsideWorld, as_phrased

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Contents:
    """What was said: texts and pictures in their order, and in the place of the system prompt."""

    parts: tuple[str | Image.Image, ...]
    system: str | None = None

    @property
    def pictures(self) -> list[Image.Image]:
        return [one for one in self.parts if isinstance(one, Image.Image)]

    @property
    def texts(self) -> list[str]:
        """Those that say something."""
        return [one for one in self.parts if isinstance(one, str) and one.strip()]


@dataclass(frozen=True)
class Manner:
    """How it is to be done."""

    drawing: DrawingFields
    text: TextFields
    size: str = "auto"
    max_tokens: int | None = None
    partial_images: int = 0
    stops_at_thought: bool = False

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height of what is drawn, where they are said."""
        if self.size == "auto":
            return None
        width, height = map(int, self.size.split("x"))
        return width, height


@dataclass(frozen=True, eq=False)
class Asked:
    """A request for the engine, and what is to be said of it."""

    wanted: EngineRequest
    outline: Outline
    num_tokens: int
    """That it begins with."""
    is_edit: bool = False
    notes: tuple[str, ...] = ()
    """Warnings."""

    @property
    def answers(self) -> bool:
        """Whether words alone come of it."""
        return self.outline.num_images == 0


def worded(prompt: str) -> tuple[str, tuple[str, ...]]:
    """A prompt to a model of a closed world, as its training worded it; or as it is, with a warning."""
    try:
        return as_phrased(prompt), ()
    except OutsideWorld as unknown:
        note = f"the prompt is outside the model's world, so what it draws means nothing. {unknown}"
        return prompt, (note,)


def num_tokens(text: str, param: str, settings: Settings, tokenizer: Tokenizer) -> int:
    """Of a text that a parameter says. Raises Refused for one that the model does not take."""
    try:
        text.encode()
    except UnicodeEncodeError as broken:
        raise invalid("the text is not valid Unicode: it holds a lone surrogate", param) from broken
    return len(heeded(param, lambda: settings.prompt_ids(text, tokenizer)))


def heeded(param: str, make: Callable[[], Made]) -> Made:
    """What is made of a parameter; Refused naming it where that cannot be."""
    try:
        return make()
    except ValidationError as wrong:
        words = "; ".join(one["msg"].removeprefix("Value error, ") for one in wrong.errors(include_url=False))
        raise invalid(words, param) from wrong
    except ValueError as wrong:
        raise invalid(str(wrong), param) from wrong
