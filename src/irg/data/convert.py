"""Conversion both ways between traces and the published conversation format, and into both from elsewhere.

A trace gives one conversation for each mode that it can teach, and one for each of its questions. A
conversation gives a trace where it has the shape of a mode that holds every picture of its turns. The
thinking modes do not, since they end before the last picture is drawn.
"""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irg.core import Document, Kind, Role, Segment, pieces
from irg.core.trace import Trace, Turn
from irg.data import conversation, learning
from irg.data.foreign.source import ForeignSource
from irg.data.learning import Mode, UnfitError
from irg.data.pictures import encode
from irg.data.shards import ShardFormat, ShardWriter
from irg.data.source import Fault, RowError, RowPlace, Source
from irg.data.trace_rows import content_id
from irg.data.traces import TraceWriter


@dataclass
class Conversion:
    """What became of the rows. `modes` says how many of those written teach each mode."""

    rows_read: int = 0
    rows_written: int = 0
    modes: dict[str, int] = field(default_factory=dict)
    rejected: list[RowError] = field(default_factory=list)


class ConversationWriter(ShardWriter):
    """Writes documents as conversations, in files and with a manifest as `TraceWriter` does. A context
    manager."""

    def __init__(self, folder: Path, provenance: dict[str, Any] | None = None) -> None:
        import pyarrow

        columns = pyarrow.schema({"id": pyarrow.string(), conversation.COLUMN: pyarrow.string()})
        super().__init__(folder, ShardFormat(conversation.FORMAT, "conversations", columns), provenance)

    def write(self, row_id: str, written: Document) -> None:
        content = json.dumps(messages(written), ensure_ascii=False)
        self.write_row({"id": row_id, conversation.COLUMN: content}, [written.mode])


def to_conversations(
    source: Source | ForeignSource,
    writer: ConversationWriter,
    modes: Sequence[Mode] = tuple(Mode),
    system_prompt: str | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> Conversion:
    """Write every row of a source as conversations, traces in the `modes` as `documents` does; `done` hears
    of each row's index."""
    found = Conversion()
    ids: set[str] = set()
    for place, row in _rows(source, found, done):
        if isinstance(row, Document):
            writer.write(f"{found.rows_read - 1:08d}", row)
            continue
        made = list(documents(row, modes, system_prompt))
        if not made:
            detail = f"it lacks the parts for each of {', '.join(modes)}"
            found.rejected.append(place.error(Fault.UNFIT, detail))
        elif made[0][0] in ids:
            found.rejected.append(place.error(Fault.DUPLICATE, f"{made[0][0]} has been written already"))
        else:
            ids.update(row_id for row_id, _ in made)
            for row_id, written in made:
                writer.write(row_id, written)
    found.rows_written, found.modes = writer.num_rows, writer.modes
    return found


def to_traces(
    source: Source | ForeignSource, writer: TraceWriter, done: Callable[[int], None] = lambda _: None
) -> Conversion:
    """Write every row of a source as a trace, those that cannot be one excepted."""
    found = Conversion()
    for place, row in _rows(source, found, done):
        try:
            writer.write(row if isinstance(row, Trace) else trace_of(row))
        except UnfitError as unfit:
            found.rejected.append(place.error(Fault.UNFIT, str(unfit)))
        except RowError as refused:  # by the writer, which knows no place in the source
            found.rejected.append(place.error(refused.reason, refused.detail))
    found.rows_written, found.modes = writer.num_rows, writer.modes
    return found


def documents(
    trace: Trace, modes: Sequence[Mode] = tuple(Mode), system_prompt: str | None = None
) -> Iterator[tuple[str, Document]]:
    """What a trace teaches in each of the modes, with an id for each. Modes it lacks the parts for are left
    out. `system_prompt` None takes the trace's own."""
    trace_id = trace.id or content_id(trace)
    for mode, choice, made in learning.documents(trace, modes, system_prompt):
        if isinstance(made, UnfitError):
            continue
        kept = made.segments[1:] if _texts(made, Role.SYSTEM) == [""] else made.segments
        if all(one.text.strip() for one in kept if one.kind is Kind.TEXT):
            yield f"{trace_id}/{mode}" + (f"/{choice}" if choice else ""), Document(kept, mode)


def messages(written: Document) -> list[dict[str, Any]]:
    """A document as a conversation."""
    found: list[dict[str, Any]] = []
    for piece in pieces(written):
        role = piece[0].role
        if role in (Role.SYSTEM, Role.PROMPT):
            message = {"role": "system" if role is Role.SYSTEM else "user", "content": piece[0].text}
            found.append(message | ({"need_loss": True} if piece[0].loss else {}))
            continue
        if not found or found[-1]["role"] != "assistant":
            found.append({"role": "assistant", "content": []})
        found[-1]["content"].append(_item(piece))
    return found


def trace_of(written: Document) -> Trace:
    """The trace that teaches a document, and only this. Raises UnfitError where there is none.

    What an understanding mode asks is set by whoever reads a trace; it is kept in the provenance.
    """
    mode = written.mode
    if mode in (Mode.INITIAL_THINKING, Mode.IMPROVING_THINKING):
        raise UnfitError(f"{mode} lacks the picture that its last thought leads to")
    if mode not in set(Mode):
        raise UnfitError(f"mode {mode} is none that a trace can teach: it can be kept as a conversation")
    images = [one.picture for one, *_ in pieces(written) if one.kind.is_image]
    source = images.pop(0) if mode == Mode.EDIT else None
    thoughts, asked = _texts(written, Role.THOUGHT), _texts(written, Role.QUESTION)
    questions: tuple[tuple[str, str], ...] = ()
    if mode == Mode.QUESTION:
        questions, thoughts, asked = ((asked[0], thoughts[0]),), [], []
    unsaid = [None] * (len(images) - len(thoughts))  # of first turns: the last one's is what is learned
    turns = zip([*unsaid, *thoughts], images, strict=True)
    return Trace(
        prompt="".join(_texts(written, Role.PROMPT)),
        turns=tuple(Turn(thought, image) for thought, image in turns),
        seed=0,
        system_prompt="".join(_texts(written, Role.SYSTEM)),
        source=source,
        questions=questions,
        modes=(mode,),
        provenance={"question": asked[0]} if asked else {},
    )


def _rows(
    source: Source | ForeignSource, found: Conversion, done: Callable[[int], None]
) -> Iterator[tuple[RowPlace, Trace | Document]]:
    """All that can be read, and where it stands; what cannot be goes to `found`."""
    for place, made in source.read_all() if isinstance(source, ForeignSource) else _read(source):
        found.rows_read += 1
        for one in made:
            if isinstance(one, RowError):
                found.rejected.append(one)
            else:
                yield place, one
        done(found.rows_read - 1)


def _read(source: Source) -> Iterator[tuple[RowPlace, list[Trace | Document | RowError]]]:
    for index in range(len(source)):
        made: list[Trace | Document | RowError]
        try:
            made = [source.read(index)]
        except RowError as error:
            made = [error]
        yield source.place(index), made


def _item(piece: tuple[Segment, ...]) -> dict[str, Any]:
    first, kinds = piece[0], {one.kind for one in piece}
    if first.kind is Kind.TEXT:
        return {"type": "text", "content": first.text, "need_loss": first.loss}
    return {
        "type": "image",
        "content": base64.b64encode(encode(first.picture)).decode(),
        "need_loss": Kind.NOISY in kinds,
        "need_vae": Kind.CLEAN in kinds,
        "need_vit": Kind.VIEW in kinds,
    }


def _texts(written: Document, role: Role) -> list[str]:
    return [one.text for one in written if one.role is role]
