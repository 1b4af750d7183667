"""The contact sheet: prompts and their pictures, for a person to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from irg.report.typeset import draw_block, fit

_RIGHT, _WRONG, _INK, _FAINT = "#2e9d4f", "#d33c3c", "#222222", "#6b6b6b"
SHOWN = 24
"""Prompts of a contact sheet: the first, not picked."""
_FRAME, _GAP, _CAPTION, _HEAD = 3, 14, 34, 24


@dataclass(frozen=True, eq=False)
class SheetRow:
    """A prompt, its pictures under the sheet's headings, and which of them are right."""

    prompt: str
    pictures: tuple[Image.Image, ...]
    right: tuple[bool, ...]


def contact_sheet(headings: Sequence[str], rows: Sequence[SheetRow], columns: int = 3) -> Image.Image:
    """Prompts in reading order, in so many columns; each picture framed green where right and red where not.

    All pictures are of one size.
    """
    width, height = (side + 2 * _FRAME for side in rows[0].pictures[0].size)
    across, down = len(headings) * width + _GAP, height + _CAPTION + _GAP
    columns = min(columns, len(rows))
    sheet = Image.new("RGB", (columns * across + _GAP, _HEAD + -(-len(rows) // columns) * down), "white")
    draw = ImageDraw.Draw(sheet)
    for column in range(columns):
        for place, heading in enumerate(headings):
            block = fit(heading, width, _HEAD, (14, 11))
            draw_block(draw, (_GAP + column * across + place * width, 5), block, _FAINT)
    for index, row in enumerate(rows):
        left, top = _GAP + index % columns * across, _HEAD + index // columns * down
        block = fit(row.prompt, across - _GAP, _CAPTION, (14, 12, 10))
        draw_block(draw, (left, top + _CAPTION - block.height), block, _INK)
        for place, (picture, right) in enumerate(zip(row.pictures, row.right, strict=True)):
            sheet.paste(_framed(picture, right), (left + place * width, top + _CAPTION))
    return sheet


def _framed(picture: Image.Image, right: bool) -> Image.Image:
    """In a green frame if it is right, else in a red one."""
    size = (picture.width + 2 * _FRAME, picture.height + 2 * _FRAME)
    frame = Image.new("RGB", size, _RIGHT if right else _WRONG)
    frame.paste(picture, (_FRAME, _FRAME))
    return frame
