"""Data sets in which one row in twenty is broken, in ten ways, and where: for everything that reads rows."""

import base64
import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from numpy.random import Generator
from PIL import Image
from pyarrow import parquet

from irg.core.trace import Trace, Turn, png
from irg.data.formats import Format
from irg.data.source import Fault
from irg.data.trace_rows import row_of, schema

SHARE = 0.05
SIDE = 32
"""Pixels a side of every picture."""
LONG = 5000
"""Words of a thought that is longer than a row: more tokens than this, whatever the tokenizer."""
_WORDS = ("a red circle", "two blue squares", "left of", "a green heart", "on mint", "top-right", "small")

Row = dict[str, Any]


def write_broken(folder: Path, num_rows: int, rng: Generator, form: Format) -> dict[Fault, list[int]]:
    """Write a data set of three files, of which the middle one lacks a column; each way of being broken has
    its rows, told by their index in the whole. At least 200 rows make each way as likely as the next."""
    make, ways, columns = _FORMS[form]
    good = [make(index, rng) for index in range(num_rows)]
    num_each = max(1, round(num_rows * SHARE / (len(ways) + 1)))
    third = num_rows // 3
    without = list(range(third, third + num_each))  # the middle file, with all of its rows
    others = [index for index in range(1, num_rows) if index not in without]
    chosen = rng.choice(others, (len(ways), num_each), replace=False)
    broken: dict[Fault, list[int]] = {Fault.MISSING_COLUMN: without}
    for (reason, breaks), indices in zip(ways.items(), chosen, strict=True):
        for index in map(int, indices):
            breaks(good[index], good)
            broken.setdefault(reason, []).append(index)
    folder.mkdir(parents=True)
    for number, rows in enumerate((good[:third], good[third : third + num_each], good[third + num_each :])):
        table = pyarrow.Table.from_pylist(rows, schema=columns())
        table = table.drop_columns([_NEEDED[form]]) if number == 1 else table
        parquet.write_table(table, folder / f"part-{number}.parquet", row_group_size=7)
    return {reason: sorted(indices) for reason, indices in broken.items()}


def jpeg(picture: Image.Image, share: float = 1.0) -> bytes:
    """A JPEG file, of which only the first part may be kept."""
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=95)
    data = buffer.getvalue()
    return data[: int(len(data) * share)]


def empty_png() -> bytes:
    """A PNG file of 0 x 4 pixels, which no writer makes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 0, 4, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture(rng: Generator) -> Image.Image:
    """Noise: it does not compress, so that a part of its file is a part of it."""
    return Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def words(rng: Generator, count: int = 3) -> str:
    return " ".join(rng.choice(_WORDS, count))


def trace(index: int, rng: Generator) -> Trace:
    """A whole trace of two turns with a question."""
    turns = tuple(Turn(words(rng, 4), picture(rng)) for _ in range(2))
    questions = (("What is it?", words(rng)),)
    return Trace(words(rng), turns, seed=index, system_prompt="Draw.", questions=questions, id=f"id{index}")


def image_item(data: bytes, *needs: str) -> Row:
    flags = {f"need_{use}": True for use in needs}
    return {"type": "image", "content": base64.b64encode(data).decode(), **flags}


def conversation(index: int, rng: Generator) -> list[Row]:
    """Improving: prompt, thought, image, reflection, better image."""
    items = [
        {"type": "text", "content": words(rng), "need_loss": False},
        image_item(png(picture(rng)), "vae", "vit"),
        {"type": "text", "content": words(rng)},
        image_item(png(picture(rng)), "loss"),
    ]
    return [{"role": "user", "content": words(rng)}, {"role": "assistant", "content": items}]


def _conversation_row(index: int, rng: Generator) -> Row:
    return {"id": f"id{index}", "conversation": json.dumps(conversation(index, rng))}


def _conversation_schema() -> pyarrow.Schema:
    return pyarrow.schema({"id": pyarrow.string(), "conversation": pyarrow.string()})


def _with_messages(change: Callable[[list[Row]], object]) -> Callable[[Row, list[Row]], None]:
    def breaks(row: Row, good: list[Row]) -> None:
        content = json.loads(row["conversation"])
        change(content)
        row["conversation"] = json.dumps(content)

    return breaks


def _with_turn(**values: Any) -> Callable[[Row, list[Row]], None]:
    def breaks(row: Row, good: list[Row]) -> None:
        row["turns"][1] |= values

    return breaks


def _with(**values: Any) -> Callable[[Row, list[Row]], None]:
    def breaks(row: Row, good: list[Row]) -> None:
        row |= values

    return breaks


def _cut_json(row: Row, good: list[Row]) -> None:
    row["conversation"] = row["conversation"][:-9]


def _with_first_id(row: Row, good: list[Row]) -> None:
    row["id"] = good[0]["id"]


def _cut_jpeg() -> bytes:
    return jpeg(picture(np.random.default_rng(0)), 0.7)


_CONVERSATION_WAYS = {
    Fault.BAD_JSON: _cut_json,
    Fault.BROKEN_IMAGE: _with_messages(
        lambda content: content[1]["content"].__setitem__(3, image_item(_cut_jpeg(), "loss"))
    ),
    Fault.UNKNOWN_ROLE: _with_messages(lambda content: content[0].update(role="tool")),
    Fault.EMPTY_TEXT: _with_messages(lambda content: content[1]["content"][2].update(content=" ")),
    Fault.TOO_LONG: _with_messages(lambda content: content[1]["content"][2].update(content="circle " * LONG)),
    Fault.EMPTY_IMAGE: _with_messages(
        lambda content: content[1]["content"].__setitem__(1, image_item(empty_png(), "vae", "vit"))
    ),
    Fault.NOT_A_NUMBER: _with_messages(
        lambda content: content[1]["content"][2].update(need_loss=float("nan"))
    ),
    Fault.WRONG_TYPE: _with_messages(lambda content: content[0].update(content=7)),
    Fault.DUPLICATE: _with_first_id,
}
_TRACE_WAYS = {
    Fault.BAD_JSON: _with(settings='{"points": 5'),
    Fault.BROKEN_IMAGE: _with_turn(image={"bytes": _cut_jpeg(), "path": None}),
    Fault.UNKNOWN_MODE: _with(modes=["improving"]),
    Fault.EMPTY_TEXT: _with_turn(thought=""),
    Fault.TOO_LONG: _with_turn(thought="circle " * LONG),
    Fault.EMPTY_IMAGE: _with_turn(image={"bytes": empty_png(), "path": None}, width=0, height=4),
    Fault.NOT_A_NUMBER: _with_turn(seconds=[{"name": "draw", "value": float("nan")}]),
    Fault.WRONG_TYPE: _with(model='["a", "b"]'),
    Fault.DUPLICATE: _with_first_id,
}
_FORMS: dict[Format, tuple[Callable[[int, Generator], Row], dict, Callable[[], pyarrow.Schema]]] = {
    Format.TRACES: (lambda index, rng: row_of(trace(index, rng)), _TRACE_WAYS, schema),
    Format.CONVERSATION: (_conversation_row, _CONVERSATION_WAYS, _conversation_schema),
}
_NEEDED = {Format.TRACES: "turns", Format.CONVERSATION: "conversation"}
