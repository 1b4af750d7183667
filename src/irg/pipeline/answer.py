"""Answers to questions: what is asked about, and what was said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from PIL import Image

from irg.core.events import ThoughtDone
from irg.core.reading import ImageSource, read_image

Shown = ImageSource | Sequence[ImageSource]
"""What a question is about: a picture, or several in their order, or none (an empty list)."""

_THOUGHT = re.compile(r"\s*<think>(.*?)(?:</think>|\Z)", re.DOTALL)


def pictures_of(shown: Shown) -> list[Image.Image]:
    """The pictures in RGB. Raises ImageError and TypeError as `read_image` does."""
    return [read_image(one) for one in shown] if isinstance(shown, list | tuple) else [read_image(shown)]  # type: ignore[arg-type]


@dataclass(frozen=True)
class Answered:
    """An answer as `Pipeline.answer` gives it: as a string it is its text."""

    text: str
    thought: str | None
    """What was thought before the answer; None where nothing was."""
    num_tokens: int
    """Of all that was written."""
    capped: bool
    """Whether its length cap ended it, maybe before it came to an answer."""

    @classmethod
    def of(cls, done: ThoughtDone) -> Self:
        """The thought that a text begins with, if it does, apart from the rest."""
        found = _THOUGHT.match(done.text)
        thought, text = (found[1].strip(), done.text[found.end() :].strip()) if found else (None, done.text)
        return cls(text, thought, done.num_tokens, done.capped)

    def __str__(self) -> str:
        return self.text
