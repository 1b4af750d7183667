"""Pieces: what the steps of a plan read, as plan files spell them.

system, system.NAME      a system prompt; nothing where the plan has none
prompt                   what was asked for
input:FORM               the given pictures, in their order
NAME, NAME:whole,        a text that a step of this name wrote, the newest: what is taken of it, all of it,
NAME:canonical           or its rewriting by the step's template
NAME:FORM                the newest picture that a step of this name drew
newest:FORM              the newest picture, drawn by whichever step, or else given
each: [...]              the pieces of all earlier passes of `repeat`, pass by pass
say: TEXT                a fixed text, in which {prompt}, {round} and {NAME} are filled in

A picture is read in the FORM `c` (CLEAN, its latents), `v` (VIEW, what the vision tower sees), or `cv`.
"""

import re
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import Discriminator, Field, Tag

from irg.core import Kind
from irg.core.settings import BaseSettings

SYSTEM, PROMPT, INPUT, NEWEST, ROUND = "system", "prompt", "input", "newest", "round"
RESERVED = {SYSTEM, PROMPT, INPUT, NEWEST, ROUND}
IMAGE_FORMS = {"cv": (Kind.CLEAN, Kind.VIEW), "c": (Kind.CLEAN,), "v": (Kind.VIEW,)}
"""CLEAN comes first, as in the reference."""
_PIECE = r"^[A-Za-z]\w*(\.\w+)?(:\w+)?$"
_FILLED = re.compile(r"\{(\w+)\}")


class TextForm(StrEnum):
    """Which form of a written text is read."""

    TAKEN = ""
    WHOLE = "whole"
    CANONICAL = "canonical"


class PieceName(NamedTuple):
    """What a piece names, and in which form; of `system.look` the part is `look`."""

    name: str
    part: str
    form: str

    @classmethod
    def of(cls, piece: str) -> "PieceName":
        name, _, form = piece.partition(":")
        name, _, part = name.partition(".")
        return cls(name, part, form)


class Each(BaseSettings):
    """The pieces of all earlier passes of `repeat`."""

    each: tuple[Annotated[str, Field(pattern=_PIECE)], ...] = Field(min_length=1)


class Say(BaseSettings):
    """A fixed text with places for others."""

    say: str = Field(min_length=1)


def _tag_of_piece(value: Any) -> str:
    if isinstance(value, dict):
        return "each" if "each" in value else "say"
    return {Each: "each", Say: "say"}.get(type(value), "name")


Piece = Annotated[
    Annotated[str, Field(pattern=_PIECE), Tag("name")]
    | Annotated[Each, Tag("each")]
    | Annotated[Say, Tag("say")],
    Discriminator(_tag_of_piece),
]
Pieces = tuple[Piece, ...]


class Without(BaseSettings):
    """The reading list without the last occurrence of each of these pieces."""

    without: Pieces = Field(min_length=1)

    def left_of(self, reads: Pieces) -> Pieces:
        """What is left of a reading list, of which all of them are a part."""
        left = list(reads)
        for piece in self.without:
            del left[len(left) - 1 - left[::-1].index(piece)]
        return tuple(left)


class EmptyAt(BaseSettings):
    """Nothing, but with positions that begin where these pieces, at the beginning of the list, would end."""

    empty_at: Pieces = Field(min_length=1)


def places_in(template: str) -> list[str]:
    """The names that a template has filled in."""
    return _FILLED.findall(template)


def filled(template: str, values: dict[str, str]) -> str:
    """The template with what its places stand for. What was filled in is not looked at again."""
    return _FILLED.sub(lambda found: values[found[1]], template)


def names_of(pieces: Pieces) -> list[str]:
    """The named pieces of a list, those within `each` too."""
    found: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            found.append(piece)
        elif isinstance(piece, Each):
            found += piece.each
    return found
