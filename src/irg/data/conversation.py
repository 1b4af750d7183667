"""The published row format of BAGEL-family training data: a conversation as JSON, images in base64.

    [{"role": "user", "content": "a red cube"},
     {"role": "assistant", "content": [
        {"type": "text", "content": "A cube, red all over."},
        {"type": "image", "content": "iVBORw0...", "need_loss": true}]}]

An assistant's text has loss unless its `need_loss` says no, another's message only if its own says yes. An
image is what its flags say, in this order: `need_loss` a target, `need_vae` its latents to be looked at
(CLEAN), `need_vit` its patches (VIEW). A "system" message may come first.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from PIL import Image

from irg.core import Document, Kind, Role, Segment, pieces
from irg.data.fields import Fields, load_json, shown
from irg.data.learning import COMPOSITION, Mode
from irg.data.parquet import ParquetSource
from irg.data.pictures import decode, from_base64, size_of_base64
from irg.data.source import Fault, RowPlace
from irg.prep import SizeOnly

FORMAT = "irg-conversation"
"""Of data sets with a manifest, which ours have and published ones have not."""
COLUMN = "conversation"
OTHER = "conversation"
"""Mode of documents that have the shape of no learning mode."""

_NEEDS = {"need_loss": Kind.NOISY, "need_vae": Kind.CLEAN, "need_vit": Kind.VIEW}
_Opener = Callable[[str, RowPlace, str], Image.Image]


class ConversationSource(ParquetSource[Document]):
    """Reads parquet files with a `conversation` column, and an `id` column if there is one.

    `system_prompt` is put before rows of the learning modes that begin with one, where they have none.
    """

    COLUMNS = (COLUMN, "id")

    def __init__(self, path: Path | str, system_prompt: str | None = None) -> None:
        super().__init__(path)
        if system_prompt is not None and not system_prompt.strip():
            raise ValueError("the system prompt is empty: give None for going without one")
        self.system_prompt = system_prompt

    @property
    def fingerprint(self) -> str:
        return f"{super().fingerprint}-{hashlib.sha256(repr(self.system_prompt).encode()).hexdigest()[:8]}"

    def from_row(self, row: dict[str, Any], place: RowPlace, sketch: bool = False) -> Document:
        content = load_json(Fields(place, row).text(COLUMN), place, COLUMN)
        segments = parse(content, place, _sized if sketch else _decoded)
        mode = _SHAPES.get(_drawn(segments), OTHER)
        begins_with_system = COMPOSITION.get(cast(Mode, mode), "").startswith("S")
        if self.system_prompt is not None and begins_with_system and segments[0].role is not Role.SYSTEM:
            segments = (Segment(Kind.TEXT, Role.SYSTEM, self.system_prompt), *segments)
        return Document(segments, mode)


def parse(content: Any, place: RowPlace, opened: _Opener) -> tuple[Segment, ...]:
    """The segments of a conversation. Raises RowError."""
    if not isinstance(content, list):
        raise place.error(Fault.WRONG_TYPE, f"{COLUMN} is {shown(content)}, expected a list of messages")
    entries = [entry for number in range(len(content)) for entry in _entries(content, number, place)]
    segments = _segments(entries, opened)
    if _drawn(segments) == _INSTRUCTED:  # the instruction leads to the second picture
        segments = [replace(one, turn=2) if one.role is Role.PROMPT else one for one in segments]
    if not any(one.supervised for one in segments):
        raise place.error(Fault.NO_TARGET, "no text and no image has loss")
    return tuple(segments)


@dataclass(frozen=True)
class _Text:
    """A text as it stands in a message of a role."""

    role: str
    text: str
    loss: bool = False


@dataclass(frozen=True)
class _Picture:
    """An image as it stands in a message: base64, what it is for, and where it stands."""

    content: str
    kinds: tuple[Kind, ...]
    place: RowPlace
    path: str

    def continues(self, other: "_Text | _Picture | None") -> bool:
        """Whether it is the image before it once more, for another use."""
        if not isinstance(other, _Picture) or self.content != other.content:
            return False
        return not set(self.kinds) & set(other.kinds)


def _entries(messages: list[Any], number: int, place: RowPlace) -> Iterator[_Text | _Picture]:
    path = f"{COLUMN}[{number}]"
    if not isinstance(messages[number], dict):
        problem = f"{path} is {shown(messages[number])}, expected a message"
        raise place.error(Fault.WRONG_TYPE, problem)
    message = Fields(place, messages[number], path)
    match messages[number].get("role"):
        case "system" | "user" as role:
            yield _Text(role, message.words("content"), message.flag("need_loss", False))
        case "assistant":
            for item in message.each("content"):
                yield _item(item)
        case role:
            known = "'system', 'user' or 'assistant'"
            raise message.error(Fault.UNKNOWN_ROLE, "role", f"is {shown(role)}, expected {known}")


def _item(item: Fields) -> _Text | _Picture:
    match item.text("type"):
        case "text":
            # An empty one is its two delimiters, as the reference reads it; one of blanks is a mistake.
            said = item.text("content") and item.words("content")
            return _Text("assistant", said, item.flag("need_loss", True))
        case "image":
            kinds = tuple(kind for need, kind in _NEEDS.items() if item.flag(need, False))
            if not kinds:
                problem = "has none of need_loss, need_vae and need_vit: nothing would see it"
                raise item.place.error(Fault.UNUSED_IMAGE, f"{item.within} {problem}")
            return _Picture(item.text("content"), kinds, item.place, f"{item.within}.content")
        case kind:
            raise item.error(Fault.WRONG_TYPE, "type", f"is {shown(kind)}, expected 'text' or 'image'")


def _segments(entries: list[_Text | _Picture], opened: _Opener) -> list[Segment]:
    """Entries with their roles and turns: the n-th image, and the thought that leads to it, have turn n."""
    segments: list[Segment] = []
    num_images = 0

    def add(role: Role, text: str, turn: int, loss: bool = False) -> None:
        segments.append(Segment(Kind.TEXT, role, text, turn=turn, loss=loss))

    for number, entry in enumerate(entries):
        before = entries[number - 1] if number else None
        if isinstance(entry, _Picture):
            num_images += not entry.continues(before)
            image = opened(entry.content, entry.place, entry.path)
            segments += [Segment(kind, Role.IMAGE, image, turn=num_images) for kind in entry.kinds]
        elif entry.role == "system":
            add(Role.SYSTEM, entry.text, 0, entry.loss)
        elif entry.role == "user":
            add(Role.PROMPT, entry.text, num_images + 1, entry.loss)
        elif _is_question(entries, number):
            add(Role.QUESTION, entry.text, 1)
        else:  # an answer belongs to the last image, any other thought leads to the next one
            answers = bool(segments) and segments[-1].role is Role.QUESTION
            add(Role.THOUGHT, entry.text, num_images + (not answers), entry.loss)
    return segments


def _is_question(entries: list[_Text | _Picture], number: int) -> bool:
    """Whether a text asks about the image before it and is answered by the text after it."""
    entry = entries[number]
    if isinstance(entry, _Picture) or entry.loss or not 0 < number < len(entries) - 1:
        return False
    answer = entries[number + 1]
    is_answered = isinstance(answer, _Text) and answer.role == "assistant" and answer.loss
    return is_answered and isinstance(entries[number - 1], _Picture)


def _drawn(segments: Sequence[Segment]) -> str:
    return "".join(map(_sign, pieces(segments))).removeprefix("S")


def _sign(piece: tuple[Segment, ...]) -> str:
    """A letter for a text or an image, with a star where there is loss."""
    kinds = {one.kind for one in piece}
    if Kind.TEXT in kinds:
        return piece[0].role[0].upper() + "*" * piece[0].loss
    return "I" if Kind.NOISY not in kinds else "I*" if len(kinds) == 1 else "B*"


def _shape(mode: Mode) -> str:
    """A mode's composition in the letters of `_sign`."""
    letters = COMPOSITION[mode].translate(str.maketrans("FOVEA", "IIIPT", "12 "))
    return letters.removeprefix("S")


_INSTRUCTED = "PII*"
"""An edit whose instruction comes before the picture, as where only a user's message begins a row."""
_SHAPES: dict[str, Mode] = {
    **{_shape(mode): mode for mode in Mode},
    _INSTRUCTED: Mode.EDIT,
    "IPT*": Mode.QUESTION,  # asked by the user
}


def _decoded(content: str, place: RowPlace, path: str) -> Image.Image:
    return decode(from_base64(content, place, path), place, path)


def _sized(content: str, place: RowPlace, path: str) -> Image.Image:
    return SizeOnly(size_of_base64(content, place, path))
