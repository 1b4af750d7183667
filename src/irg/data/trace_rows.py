"""A trace as a row of a table, and back. What the columns are is documented in docs/data.md."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from irg.core.reading import image_size, read_image
from irg.core.trace import Trace, Turn, Verdict
from irg.data.fields import Fields, shown
from irg.data.learning import Mode
from irg.data.pictures import decode, encode
from irg.data.source import Fault, RowPlace
from irg.prep import SizeOnly

if TYPE_CHECKING:
    import pyarrow

REPEATED = ("system_prompt", "settings", "model", "provenance")
"""Columns whose values often come again."""
_STRING, _INTEGER, _NUMBER, _FLAG = (
    {"dtype": dtype, "_type": "Value"} for dtype in ("string", "int64", "float64", "bool")
)
_SIZE = {"dtype": "int32", "_type": "Value"}
_IMAGE = {"_type": "Image"}
_NUMBERS = [{"name": _STRING, "value": _NUMBER}]
FLAGS = ("given", "revised", "kept")
"""Of turns."""
FEATURES: dict[str, Any] = {
    "id": _STRING,
    "prompt": _STRING,
    "system_prompt": _STRING,
    "seed": _INTEGER,
    "turns": [
        {
            "thought": _STRING,
            "capped": _FLAG,
            "image": _IMAGE,
            "width": _SIZE,
            "height": _SIZE,
            "verdict": {"correct": _FLAG, "flaws": [_STRING], "scores": _NUMBERS},
            "seconds": _NUMBERS,
            **{name: _FLAG for name in FLAGS},
        }
    ],
    "source": _IMAGE,
    "source_width": _SIZE,
    "source_height": _SIZE,
    "questions": [{"question": _STRING, "answer": _STRING}],
    "modes": [_STRING],
    "settings": _STRING,
    "model": _STRING,
    "provenance": _STRING,
    "answer": _STRING,
    "ending": _STRING,
}
"""In the words of the `datasets` library, which so decodes the images too."""
COLUMNS = (*FEATURES, "images")
"""All that may be in a file: what is published has the turns' pictures in a column of their own."""
PUBLISHED_FEATURES: dict[str, Any] = {
    "id": _STRING,
    "prompt": _STRING,
    "images": [_IMAGE],
    "turns": [{name: feature for name, feature in FEATURES["turns"][0].items() if name != "image"}],
    **{name: feature for name, feature in FEATURES.items() if name not in ("id", "prompt", "turns")},
}
"""With the turns' pictures where viewers of data sets show them."""


def schema(features: dict[str, Any] = FEATURES) -> "pyarrow.Schema":
    """The Arrow schema of the columns, with what the `datasets` library wants to know of them."""
    import pyarrow

    described = json.dumps({"info": {"features": features}})
    fields = [pyarrow.field(name, _arrow(feature)) for name, feature in features.items()]
    return pyarrow.schema(fields, metadata={"huggingface": described})


def row_of(trace: Trace, jpeg_quality: int | None = None) -> dict[str, Any]:
    """The values of a trace's row. One without an id is given the hash of its content.

    Images are PNG, or JPEG of the quality asked for; those that still are what was decoded keep their bytes.
    """
    source = trace.source and _image_row(trace.source, jpeg_quality)
    width, height = _size(source) if source else (None, None)
    return {
        "id": trace.id or content_id(trace),
        "prompt": trace.prompt,
        "system_prompt": trace.system_prompt,
        "seed": trace.seed,
        "turns": [_turn_row(turn, jpeg_quality) for turn in trace.turns],
        "source": source,
        "source_width": width,
        "source_height": height,
        "questions": [{"question": question, "answer": answer} for question, answer in trace.questions],
        "modes": list(trace.modes),
        "settings": _json(trace.settings),
        "model": _json(trace.model),
        "provenance": _json(trace.provenance),
        "answer": trace.answer,
        "ending": trace.ending,
    }


def published(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its turns' pictures in a column of their own, from where `trace_of` takes them too."""
    if row.get("images") is not None:
        return row
    turns = [{name: value for name, value in turn.items() if name != "image"} for turn in row["turns"]]
    return {**row, "turns": turns, "images": [turn["image"] for turn in row["turns"]]}


def trace_of(row: dict[str, Any], place: RowPlace, sketch: bool = False) -> Trace:
    """The trace of a row; the images of a `sketch` are `SizeOnly`, not decoded. Raises RowError."""
    return _trace(Fields(place, row), _sized if sketch else _decoded)


def content_id(trace: Trace) -> str:
    """A hash of what the trace teaches: texts, pixels, questions, modes and seed; 32 hexadecimal digits."""
    content = {
        "prompt": trace.prompt,
        "system_prompt": trace.system_prompt,
        "seed": trace.seed,
        "turns": [[turn.thought, turn.capped, _digest(turn.image)] for turn in trace.turns],
        "source": _digest(trace.source) if trace.source else None,
        "questions": trace.questions,
        "modes": trace.modes,
    }
    return hashlib.sha256(_json(content).encode()).hexdigest()[:32]


_Opener = Callable[[Fields, str, str, str], Image.Image]
"""Opens an image given the names of its columns: the image, its width, its height."""


def _trace(row: Fields, opened: _Opener) -> Trace:
    turns = tuple(_turn(turn, opened) for turn in _turns(row))
    if not turns:
        raise row.error(Fault.NO_TARGET, "turns", "is empty")
    questions = tuple((asked.words("question"), asked.words("answer")) for asked in row.each("questions", []))
    has_source = row.has("source") or row.has("source_width")
    return Trace(
        prompt=row.text("prompt") if questions else row.words("prompt"),
        turns=turns,
        seed=row.integer("seed", 0),
        system_prompt=row.text("system_prompt", ""),
        settings=row.json_object("settings"),
        model=row.json_object("model"),
        source=opened(row, "source", "source_width", "source_height") if has_source else None,
        questions=questions,
        modes=tuple(_mode(row, mode) for mode in row.items("modes", [])),
        provenance=row.json_object("provenance"),
        id=row.text("id", ""),
        answer=row.text("answer") if row.has("answer") else None,
        ending=row.text("ending", ""),
    )


def _turns(row: Fields) -> list[Fields]:
    """The turns, each with its picture, wherever the row keeps it."""
    turns = row.each("turns")
    if not row.has("images"):
        return turns
    images = row.items("images")
    if len(images) != len(turns):
        raise row.error(Fault.WRONG_TYPE, "images", f"holds {len(images)} pictures for {len(turns)} turns")
    return [
        replace(turn, values={**turn.values, "image": image})
        for turn, image in zip(turns, images, strict=True)
    ]


def _turn(row: Fields, opened: _Opener) -> Turn:
    return Turn(
        thought=row.words("thought") if row.has("thought") else None,
        image=opened(row, "image", "width", "height"),
        verdict=_verdict(row.fields("verdict")) if row.has("verdict") else None,
        capped=row.flag("capped", False),
        seconds=_numbers(row, "seconds"),
        **{name: row.flag(name, False) for name in FLAGS},
    )


def _verdict(row: Fields) -> Verdict:
    flaws = row.items("flaws", [])
    if not all(isinstance(flaw, str) for flaw in flaws):
        raise row.error(Fault.WRONG_TYPE, "flaws", f"is {shown(flaws)}, expected texts")
    return Verdict(row.flag("correct", False), tuple(flaws), _numbers(row, "scores"))


def _mode(row: Fields, name: Any) -> str:
    if not isinstance(name, str) or name not in set(Mode):
        raise row.error(Fault.UNKNOWN_MODE, "modes", f"names {shown(name)}, known are {', '.join(Mode)}")
    return name


def _numbers(row: Fields, name: str) -> dict[str, float]:
    return {entry.text("name"): entry.number("value") for entry in row.each(name, [])}


def _decoded(row: Fields, image: str, width: str, height: str) -> Image.Image:
    said = _sized(row, image, width, height).size
    encoded = row.fields(image)
    picture = decode(encoded.data("bytes"), row.place, encoded.within)
    if picture.size != said:
        sizes = f"has {picture.width}x{picture.height} pixels, its row says {said[0]}x{said[1]}"
        raise row.error(Fault.BROKEN_IMAGE, image, sizes)
    return picture


def _sized(row: Fields, image: str, width: str, height: str) -> Image.Image:
    row.fields(image)
    size = row.integer(width), row.integer(height)
    if min(size) < 1:
        raise row.error(Fault.EMPTY_IMAGE, image, f"has {size[0]}x{size[1]} pixels")
    return SizeOnly(size)


def _turn_row(turn: Turn, jpeg_quality: int | None) -> dict[str, Any]:
    verdict = turn.verdict
    image = _image_row(turn.image, jpeg_quality)
    width, height = _size(image)
    return {
        "thought": turn.thought,
        "capped": turn.capped,
        "image": image,
        "width": width,
        "height": height,
        "verdict": {
            "correct": verdict.correct,
            "flaws": list(verdict.flaws),
            "scores": _number_rows(verdict.scores),
        }
        if verdict
        else None,
        "seconds": _number_rows(turn.seconds),
        **{name: getattr(turn, name) for name in FLAGS},
    }


def _image_row(picture: Image.Image, jpeg_quality: int | None) -> dict[str, Any]:
    return {"bytes": encode(picture, jpeg_quality), "path": None}


def _size(image_row: dict[str, Any]) -> tuple[int, int]:
    return image_size(image_row["bytes"], "the image")


def _number_rows(numbers: dict[str, float]) -> list[dict[str, Any]]:
    return [{"name": name, "value": float(value)} for name, value in sorted(numbers.items())]


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, allow_nan=False)


def _digest(picture: Image.Image) -> str:
    flat = read_image(picture)
    return hashlib.sha256(f"{flat.size}".encode() + flat.tobytes()).hexdigest()


def _arrow(feature: Any) -> "pyarrow.DataType":
    """The Arrow type of a feature."""
    import pyarrow

    if isinstance(feature, list):
        return pyarrow.list_(_arrow(feature[0]))
    match feature.get("_type"):
        case "Value":
            return pyarrow.type_for_alias(feature["dtype"])
        case "Image":
            return pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()})
        case _:
            return pyarrow.struct({name: _arrow(inner) for name, inner in feature.items()})
