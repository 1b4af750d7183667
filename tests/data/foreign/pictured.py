"""Pictures and rows of data sets that are not ours."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from irg.core import Document, Kind, Role, Segment
from irg.core.trace import Trace
from irg.data.foreign.layouts import Made, made_of
from irg.data.foreign.row import ForeignRow
from irg.data.source import RowError, RowPlace

PLACE = RowPlace("set", 3)


def encoded(colour: str = "red", size: tuple[int, int] = (48, 32), orientation: int | None = None) -> bytes:
    """A JPEG, which its EXIF data may say to turn."""
    buffer = io.BytesIO()
    picture = Image.new("RGB", size, colour)
    exif = picture.getexif()
    if orientation is not None:
        exif[0x0112] = orientation
    picture.save(buffer, format="JPEG", exif=exif)
    return buffer.getvalue()


def save(path: Path, colour: str = "red", **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(colour, **options))
    return path


def row(folder: Path | None = None, **values: Any) -> ForeignRow:
    return ForeignRow(PLACE, values, folder)


def made(one: ForeignRow, columns: dict[str, str] | None = None) -> list[Made]:
    try:
        return list(made_of(one, columns))
    except RowError as refused:
        return [refused]


def colour_of(picture: Image.Image) -> str:
    red, green, blue = picture.getpixel((0, 0))  # pyright: ignore[reportGeneralTypeIssues]
    return {(True, False, False): "red", (False, True, False): "green", (False, False, True): "blue"}[
        (red > 100, green > 100, blue > 100)
    ]


def drawn(one: Made) -> str:
    """A trace or document in a line: `P(a cat) I(red)*`, with a star where there is loss."""
    if isinstance(one, RowError):
        return f"{one.reason}: {one.detail}"
    if isinstance(one, Trace):
        turns = [f"T({turn.thought}) I({colour_of(turn.image)})" for turn in one.turns]
        asked = [f"Q({question}) A({answer})" for question, answer in one.questions]
        source = [f"O({colour_of(one.source)})"] if one.source else []
        return " ".join([*source, f"P({one.prompt})", *turns, *asked, *one.modes]).replace("T(None) ", "")
    assert isinstance(one, Document)
    return " ".join(map(_segment, one.segments))


def _segment(one: Segment) -> str:
    if one.kind is Kind.TEXT:
        letter = {Role.SYSTEM: "S", Role.PROMPT: "P", Role.THOUGHT: "T", Role.QUESTION: "Q"}[one.role]
        return f"{letter}({one.text})" + "*" * one.loss
    return f"{one.kind.name[0]}({colour_of(one.picture)})" + "*" * (one.kind is Kind.NOISY)
