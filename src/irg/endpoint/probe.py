"""One real question to a model before a run: whether it can be asked at all, just as it will be.

What is asked is easy, for an answer of such a shape as stages ask for, and shows a picture where they do. The
answer is kept like every other, under the settings that say how it was asked: those that were right once are
not tried again.
"""

from typing import Annotated

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.endpoint.requests import Message
from irg.endpoint.settings import EndpointSettings

DRAWN = "A red circle on white."
"""What a model that draws is asked for."""
_VERSION = 1
_SIDE = 64
_WORDS = (
    "Before the real questions a simple one: name one, two or three things that are {colour}, and say of "
    "each whether it can be eaten."
)


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    edible: bool


class Things(BaseModel):
    """What the question is answered with."""

    model_config = ConfigDict(extra="forbid")

    things: Annotated[list[Thing], Field(min_length=1, max_length=3)]


def question(shows: bool) -> tuple[Message, ...]:
    """The messages of the question, with a picture where the model is to see some."""
    words = _WORDS.format(colour="as red as this picture" if shows else "red")
    return (Message("user", (words, red()) if shows else (words,)),)


def red() -> Picture:
    return Picture.of(Image.new("RGB", (_SIDE, _SIDE), (200, 20, 20)))


def label(settings: EndpointSettings) -> str:
    """In the place of a template's: another for all that may decide on whether a question is accepted."""
    return f"probe@{_VERSION}-{digest_of(settings.how)[:12]}"
