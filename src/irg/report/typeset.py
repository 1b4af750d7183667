"""Text on pictures: wrapping, fitting and drawing with the one font that comes with Pillow.

That font knows ASCII and little more. `plain` folds accents and dashes to it; of a text in another script
it says so instead of drawing a row of boxes.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

from PIL import ImageDraw, ImageFont

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
OTHER_SCRIPT = "(a text in a script that this picture cannot show)"
_MAX_CHARACTERS = 6000
"""No box of ours holds more; laying out longer texts would only take time."""
_BEYOND_ASCII = frozenset("\xa9\xab\xb0\xb1\xb7\xbb\u2018\u2019\u201c\u201d\u2026")
"""The other characters of the font: quotation marks, degrees, the middle dot, the ellipsis."""
_FOLDS = str.maketrans(
    {
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{HYPHEN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{BULLET}": "-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{LATIN SMALL LETTER SHARP S}": "ss",
        "\t": " ",
    }
)


@dataclass(frozen=True)
class Block:
    """Lines of one size that fit where they were asked to; `cut` says that some of the text did not."""

    lines: tuple[str, ...]
    size: int
    cut: bool

    @property
    def line_height(self) -> int:
        return line_height(self.size)

    @property
    def height(self) -> int:
        return self.line_height * len(self.lines)


def fit(text: str, width: int, height: int, sizes: tuple[int, ...]) -> Block:
    """The text in the first of `sizes` that fits into a box of so many pixels, or cut short in the last."""
    text, (*larger, smallest) = plain(text), sizes
    for size in larger:
        block = _lay_out(text, width, height, size)
        if not block.cut:
            return block
    return _lay_out(text, width, height, smallest)


def draw_block(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], block: Block, colour: str, weight: float = 0.0
) -> None:
    """Draw the lines downwards from `place`, their top left corner. `weight` thickens strokes, in pixels."""
    x, y = place
    for line in block.lines:
        middle = y + block.line_height / 2
        draw.text((x, middle), line, fill=colour, font=font(block.size), anchor="lm", stroke_width=weight)
        y += block.line_height


def line_height(size: int) -> int:
    return round(size * 1.36)


def plain(text: str) -> str:
    """The text in characters that the font has."""
    if len(text) > _MAX_CHARACTERS:
        text = text[:_MAX_CHARACTERS] + ELLIPSIS
    folded = unicodedata.normalize("NFKD", text.translate(_FOLDS))
    signs = [_drawable(sign) for sign in folded if not unicodedata.combining(sign)]
    if signs.count(None) > len(signs) / 4:
        return OTHER_SCRIPT
    return "".join(sign or "?" for sign in signs)


def _drawable(sign: str) -> str | None:
    """The character if the font has it, a space for a control character, None for what it has not."""
    if sign in _BEYOND_ASCII or sign == "\n" or (sign.isascii() and sign.isprintable()):
        return sign
    return " " if sign.isspace() or unicodedata.category(sign) == "Cc" else None


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    loaded = ImageFont.load_default(size=size)
    assert isinstance(loaded, ImageFont.FreeTypeFont), "this Pillow was built without FreeType"
    return loaded


def _lay_out(text: str, width: int, height: int, size: int) -> Block:
    room = max(1, height // line_height(size))
    lines = tuple(islice(_wrap(text, width, size), room + 1))
    if len(lines) <= room:
        return Block(lines, size, False)
    return Block((*lines[: room - 1], _ended(lines[room - 1], width, size)), size, True)


def _wrap(text: str, width: int, size: int) -> Iterator[str]:
    for paragraph in text.strip().splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            for piece in _pieces(word, width, size):
                longer = f"{line} {piece}" if line else piece
                if line and font(size).getlength(longer) > width:
                    yield line
                    longer = piece
                line = longer
        yield line


def _pieces(word: str, width: int, size: int) -> list[str]:
    """A word, in as many pieces as it takes for each to fit a line."""
    if font(size).getlength(word) <= width:
        return [word]
    pieces, piece = [], ""
    for sign in word:
        if piece and font(size).getlength(piece + sign) > width:
            pieces.append(piece)
            piece = ""
        piece += sign
    return [*pieces, piece]


def _ended(line: str, width: int, size: int) -> str:
    """The line with an ellipsis at its end, short of as many words (or letters) as that takes."""
    line = line.rstrip(" .,;:")
    while line and font(size).getlength(line + ELLIPSIS) > width:
        line = (line.rpartition(" ")[0] or line[:-1]).rstrip(" .,;:")
    return line + ELLIPSIS
