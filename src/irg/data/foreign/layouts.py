"""What a foreign row says: the traces and documents that it holds, whichever layout it has.

The columns tell the layout (`LAYOUTS`): those of interleaved reasoning (`irg.data.foreign.interleaved`), then
BAGEL's for drawing and editing, then pictures with a text, a question or a source, under the names that such
columns go by.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from PIL import Image

from irg.core import Document
from irg.core.files import parse_json
from irg.core.trace import Trace, Turn
from irg.data import trace_rows
from irg.data.fields import Fields
from irg.data.foreign import interleaved
from irg.data.foreign.row import ForeignRow
from irg.data.learning import Mode
from irg.data.source import Fault, RowError

Made = Trace | Document | RowError

COLUMNS: dict[str, tuple[str, ...]] = {
    "image": (
        *("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "image_path", "filename"),
        *("target", "target_image", "target_img", "output_image", "edited_image", "edited_img", "final"),
    ),
    "text": ("text", "caption", "captions", "prompt", "txt", "description"),
    "instruction": ("instruction", "edit_instruction", "edit_prompt"),
    "source": ("source", "source_image", "source_img", "src_img", "input_image", "original_image"),
    "thought": ("thought",),
    "draft": ("draft",),
    "reflection": ("reflection",),
    "question": ("question",),
    "answer": ("answer",),
}
"""What we look for in a row of pictures and texts, and where: in the first of these columns that has it."""


def made_of(row: ForeignRow, columns: Mapping[str, str] | None = None) -> Iterator[Made]:
    """The traces and documents of a row, and what is wrong with parts of it. Raises RowError for all of it.

    `columns` names the column to take instead of those of `COLUMNS`.
    """
    if columns:
        yield from _pictured(row.renamed(columns))
        return
    for layout in LAYOUTS:
        if all(name in row.values for name in layout.needs):
            yield from layout.read(row)
            return
    yield from _pictured(row)


@dataclass(frozen=True)
class ForeignLayout:
    """Rows that have all of these columns, and what they say."""

    name: str
    needs: tuple[str, ...]
    read: Callable[[ForeignRow], Iterable[Made]]


def _stored(row: ForeignRow) -> Iterator[Made]:
    """A trace as a store has it."""
    yield trace_rows.trace_of({**row.values}, row.place)


def _published(row: ForeignRow) -> Iterator[Made]:
    """A trace as `irg publish` writes it into tar files."""
    names = [f"image{number + 1}" for number in range(len(row.fields.items("turns")))]
    source = row.values.get("source")
    images = [{"bytes": row.values.get(name)} for name in names]
    values = {**row.values, "images": images, "source": source and {"bytes": source}}
    yield trace_rows.trace_of(values, row.place)


def _edits(row: ForeignRow) -> Iterator[Made]:
    """BAGEL's editing: pictures, and between each two of them the instructions that lead from one to the
    other, of which each makes an edit."""
    pictures, instructions = row.fields.items("image_list"), row.fields.items("instruction_list")
    if len(pictures) < 2:
        raise row.fields.error(
            Fault.MISSING_COLUMN, "image_list", f"holds {len(pictures)} pictures, expected 2"
        )
    if len(instructions) < len(pictures) - 1:
        problem = f"holds {len(instructions)} instructions for {len(pictures)} pictures"
        raise row.fields.error(Fault.MISSING_COLUMN, "instruction_list", problem)
    opened = [row.picture(f"image_list[{number}]", one) for number, one in enumerate(pictures)]
    for number, (before, after) in enumerate(pairwise(opened)):
        for text in _texts(row, f"instruction_list[{number}]", instructions[number]):
            yield text if isinstance(text, RowError) else _edit(row, text, before, after)


def _pictured(row: ForeignRow) -> Iterator[Made]:
    """A picture with a text, a question, a source or a draft."""
    found = {ours: name for ours, names in COLUMNS.items() if (name := _first(row, ours, names))}
    if "image" not in found:
        raise _lacking(row, "image")
    image = row.picture(found["image"])
    if "question" in found and "answer" in found:
        asked = row.fields.words(found["question"]), row.fields.words(found["answer"])
        yield _trace(row, "", (Turn(None, image),), questions=(asked,), modes=(Mode.QUESTION,))
        return
    text = found.get("instruction") if "source" in found else None
    if (text := text or found.get("text")) is None:
        raise _lacking(row, "text")
    texts = _texts(row, text, row.values[text])
    if "source" in found:
        source = row.picture(found["source"])
        for one in texts:
            yield one if isinstance(one, RowError) else _edit(row, one, source, image)
        return
    turns = _turns(row, found, image)
    for one in texts:
        yield one if isinstance(one, RowError) else _trace(row, one, turns)


def _turns(row: ForeignRow, found: Mapping[str, str], image: Image.Image) -> tuple[Turn, ...]:
    thought = row.fields.words(found["thought"]) if "thought" in found else None
    if "draft" not in found:
        return (Turn(thought, image),)
    if "reflection" not in found:
        raise _lacking(row, "reflection")
    draft = row.picture(found["draft"])
    return Turn(thought, draft), Turn(row.fields.words(found["reflection"]), image)


def _edit(row: ForeignRow, text: str, source: Image.Image, image: Image.Image) -> Trace:
    return _trace(row, text, (Turn(None, image),), source=source, modes=(Mode.EDIT,))


def _trace(row: ForeignRow, prompt: str, turns: tuple[Turn, ...], **parts: Any) -> Trace:
    """With what the row says of where it comes from."""
    known = {"id": "id", "key": "id", "license": "licence", "licence": "licence", "url": "source"}
    there = {name: ours for name, ours in known.items() if isinstance(row.values.get(name), str | int)}
    said = {
        ours: row.fields.text(name) if isinstance(row.values[name], str) else row.values[name]
        for name, ours in there.items()
    }
    return Trace(prompt, turns, seed=0, provenance=said, **parts)


def _texts(row: ForeignRow, name: str, value: Any) -> list[str | RowError]:
    """The texts of a value: one, a list, or, as a JSON text or a structure, several by name.

    Each is there once; empty ones are errors. Raises RowError where there is none at all.
    """
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        with suppress(ValueError):  # a text that begins like this, and no more
            value = parse_json(value, name)
    if isinstance(value, Mapping):
        value = list(value.values())
    values = value if isinstance(value, list) else [value]
    if not values:
        raise row.fields.error(Fault.EMPTY_TEXT, name, "holds no text")
    found: dict[str, str | RowError] = {}
    for number, one in enumerate(values):
        place = f"{name}[{number}]" if len(values) > 1 else name
        try:
            text = Fields(row.place, {place: one}).words(place).strip()
        except RowError as wrong:
            found[place] = wrong
        else:
            found.setdefault(f"text {text}", text)
    return list(found.values())


def _first(row: ForeignRow, ours: str, names: Iterable[str]) -> str | None:
    """The column that has it; an empty text is there, and will be told to be empty."""
    return next((name for name in (ours, *names) if row.has(name)), None)


def _lacking(row: ForeignRow, what: str) -> RowError:
    there = ", ".join(sorted(name for name in row.values if row.has(name))) or "nothing"
    said = f"no {what}: it has {there}, expected one of {', '.join(COLUMNS[what])}, or --columns {what}=NAME"
    return row.error(Fault.MISSING_COLUMN, said)


LAYOUTS = (
    ForeignLayout("trace in tar files", ("turns", "prompt", "image1"), _published),
    ForeignLayout("trace", ("turns", "prompt"), _stored),
    ForeignLayout("ThinkMorph", ("image_list", "instruction_list", "output_text_list"), interleaved.steps),
    ForeignLayout("BAGEL editing", ("image_list", "instruction_list"), _edits),
    ForeignLayout("BAGEL understanding", ("conversations",), interleaved.rounds),
    ForeignLayout("Zebra-CoT", ("Question", "Text Reasoning Trace"), interleaved.placeholders),
)
