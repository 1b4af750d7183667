"""What a request may ask for: bounds of the server for everybody, and of a token for its holder."""

from dataclasses import dataclass
from typing import Self

from irg.core.reading import ImageError
from irg.engine import TextSampling
from irg.pipeline import Plan
from irg.serve.refusals import Refused
from irg.serve.tokens import Caller


@dataclass(frozen=True)
class Outline:
    """What may come of a request at most, whichever plan it goes by, and how its texts are written."""

    num_images: int
    width: int
    """Of its pictures, in pixels."""
    height: int
    num_written: int
    """Tokens of all its texts."""
    text: TextSampling

    @classmethod
    def of(cls, plan: Plan, draws: bool = True) -> Self:
        """Of a plan of turns; where nothing is drawn, of an answer in words."""
        texts = sum(turn.think for turn in plan.turns) if draws else 1
        images = len(plan.turns) if draws else 0
        return cls(images, *plan.size, texts * plan.text.max_tokens, plan.text)


@dataclass(frozen=True)
class RequestLimits:
    """The most that any request may ask for."""

    turns: int = 16
    pixels: int = 64_000_000
    """To be drawn, all pictures together."""
    text_tokens: int = 32_768
    """To be written, all texts together."""
    given_pixels: int = 64_000_000
    """Of all the pictures that a request brings along."""

    def check(self, outline: Outline, caller: Caller, count: int = 1) -> None:
        """Raise Refused for what is asked for so many times and is beyond the server's limits or the
        caller's."""
        turns = outline.num_images
        if turns > self.turns:
            raise _beyond("turns", turns, self.turns, "this server takes on", "turns")
        written = outline.num_written * count
        if written > self.text_tokens:
            raise _beyond("tokens to be written", written, self.text_tokens, "this server takes on")
        pixels = outline.width * outline.height * turns * count
        own, whose = caller.limits.pixels, "this server takes on"
        most = self.pixels
        if own is not None and own < most:
            most, whose = own, "this token has"
        if pixels > most:
            raise _beyond("pixels to be drawn", pixels, most, whose, "size")


@dataclass
class GivenPixels:
    """How many pixels the pictures of one request have, told before they are decoded: many that are small as
    files may be too much together."""

    most: int = RequestLimits.given_pixels
    taken: int = 0

    def take(self, width: int, height: int) -> None:
        """Raise ImageError where a picture of this size is one too many."""
        self.taken += width * height
        if self.taken > self.most:
            told = f"{self.taken / 1e6:,.1f} million pixels in all"
            raise ImageError(f"the request's pictures have {told}: expected at most {self.most / 1e6:g}")


def _beyond(what: str, asked: int, most: int, whose: str, param: str | None = None) -> Refused:
    code = f"too_many_{what.split()[0]}"
    return Refused(400, code, f"{asked:,} {what}: {whose} up to {most:,} a request", param=param)
