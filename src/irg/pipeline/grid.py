"""Pictures side by side on one sheet."""

import math
from collections.abc import Iterable

from PIL import Image

from irg.core.trace import Trace
from irg.core.values import check_number

_GAP = 8
_PAPER = "#ffffff"


def grid(shown: Iterable[Trace | Image.Image], columns: int | None = None) -> Image.Image:
    """The pictures, of traces the last ones, on one RGB sheet, row by row; about as many rows as columns,
    unless the columns are given.

    Every cell has as many pixels as the widest and the highest picture need, with 8 between cells. Raises
    ValueError where there is no picture, or no column.
    """
    pictures = [one.image if isinstance(one, Trace) else one for one in shown]
    if not pictures:
        raise ValueError("no pictures: expected at least one")
    columns = math.ceil(math.sqrt(len(pictures))) if columns is None else columns
    check_number("columns", columns, 1, whole=True)
    columns = min(columns, len(pictures))
    width, height = (max(sides) for sides in zip(*(picture.size for picture in pictures), strict=True))
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP), _PAPER)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        left = column * (width + _GAP) + (width - picture.width) // 2
        top = row * (height + _GAP) + (height - picture.height) // 2
        sheet.paste(picture.convert("RGB"), (left, top))
    return sheet
