"""Rows in which texts and pictures take turns: questions about pictures, and reasoning that draws on its way.

Each becomes a document, in the order in which its own project trains on it; one question about one picture is
a trace. A picture that is learned and looked at afterwards is NOISY, then CLEAN and VIEW.

The layouts are those of BAGEL's understanding data (also LLaVA's), of ThinkMorph (arXiv 2510.27492) and of
Zebra-CoT (arXiv 2507.16746). Uni-CoT's published trainer reads BAGEL's.
"""

import re
from collections.abc import Iterator
from typing import Any

from PIL import Image

from irg.core import Document, Kind, Role, Segment
from irg.core.trace import Trace, Turn
from irg.data.conversation import OTHER
from irg.data.fields import Fields
from irg.data.foreign.row import ForeignRow
from irg.data.learning import Mode
from irg.data.source import Fault

_IMAGE = "<image>"
_ASKS, _ANSWERS = ("human", "user"), ("gpt", "assistant")
_PLACEHOLDER = re.compile(r"<image_start>\s*\[(\w+)\]\s*<image_end>")
_ASKED_ONCE = [
    (Kind.VIEW, Role.IMAGE, False),
    (Kind.TEXT, Role.PROMPT, False),
    (Kind.TEXT, Role.THOUGHT, True),
]
_STEP = re.compile(r"THOUGHT\s*\d+\s*:\s*")


def rounds(row: ForeignRow) -> Iterator[Trace | Document]:
    """BAGEL's understanding: `conversations` of messages with `from` and `value`, and in `image` one picture
    or several, each of which stands where an `<image>` in a question does; the answers are learned."""
    pictures = row.values.get("image")
    pictures = row.values.get("images") if pictures is None else pictures
    listed = pictures if isinstance(pictures, list) else [] if pictures is None else [pictures]
    opened = iter([row.picture(f"image[{number}]", one) for number, one in enumerate(listed)])
    composer = _Composer(row)
    for message in row.fields.each("conversations"):
        said = message.words("value")
        match message.text("from"):
            case speaker if speaker in _ASKS:
                for number, text in enumerate(said.split(_IMAGE)):
                    if number:
                        composer.seen(_next(row, opened), (Kind.VIEW,))
                    composer.asked(text)
            case speaker if speaker in _ANSWERS:
                composer.learned(said)
            case "system":
                composer.system(said)
            case speaker:
                known = f"one of {', '.join((*_ASKS, *_ANSWERS, 'system'))}"
                raise message.error(Fault.UNKNOWN_ROLE, "from", f"is {speaker!r}, expected {known}")
    if next(opened, None) is not None:
        raise row.fields.error(Fault.UNUSED_IMAGE, "image", f"holds more pictures than there are {_IMAGE}")
    yield _question(composer.made())


def steps(row: ForeignRow) -> Iterator[Document]:
    """ThinkMorph's: the pictures that are given, the question, then texts and pictures in turn, all learned.

    `num_input_images` says how many are given; without it, one."""
    pictures, texts = row.fields.items("image_list"), row.fields.items("output_text_list")
    num_given = row.fields.integer("num_input_images", 1)
    if not pictures[:num_given] or len(pictures) - num_given > len(texts):
        problem = f"holds {len(pictures)} pictures, {num_given} of them given, for {len(texts)} texts"
        raise row.fields.error(Fault.MISSING_COLUMN, "image_list", problem)
    opened = [row.picture(f"image_list[{number}]", one) for number, one in enumerate(pictures)]
    composer = _Composer(row)
    for picture in opened[:num_given]:
        composer.seen(picture, (Kind.CLEAN, Kind.VIEW))
    composer.asked(_text(row, "instruction_list", row.fields.items("instruction_list"), 0))
    drawn = iter(opened[num_given:])
    for number in range(len(texts)):
        composer.learned(_text(row, "output_text_list", texts, number))
        if (picture := next(drawn, None)) is not None:
            composer.drawn(picture, is_last=number == len(texts) - 1)
    yield composer.made()


def placeholders(row: ForeignRow) -> Iterator[Document]:
    """Zebra-CoT's: a question, a trace of thoughts and a final answer, with `<image_start>[NAME]<image_end>`
    in the place of the picture in the column NAME. The question's are seen, the trace's are learned. Thoughts
    and answer come in the tags that its own training puts around them."""
    composer = _Composer(row)
    question, names = _split(row, "Question")
    composer.asked(f"Question: {question}")
    for name in names:
        composer.seen(row.picture(name), (Kind.VIEW,))
    trace = row.fields.words("Text Reasoning Trace")
    for number, part in enumerate(_PLACEHOLDER.split(trace)):
        thought = _STEP.sub("", part).strip()
        if number % 2:
            composer.drawn(row.picture(part), is_last=False)
        elif thought:
            composer.learned(f"<think>{thought}</think>")
    composer.learned(f"<answer>Final Answer: {row.fields.words('Final Answer').strip()}</answer>")
    yield composer.made()


class _Composer:
    """A document as it grows."""

    def __init__(self, row: ForeignRow) -> None:
        self._row = row
        self._segments: list[Segment] = []
        self._num_images = 0

    def system(self, text: str) -> None:
        self._add(Role.SYSTEM, text, 0)

    def asked(self, text: str) -> None:
        if text.strip():
            self._add(Role.PROMPT, text.strip(), self._num_images + 1)

    def learned(self, text: str) -> None:
        self._add(Role.THOUGHT, text.strip(), self._num_images + 1, loss=True)

    def seen(self, picture: Image.Image, kinds: tuple[Kind, ...]) -> None:
        self._num_images += 1
        self._segments += [Segment(kind, Role.IMAGE, picture, turn=self._num_images) for kind in kinds]

    def drawn(self, picture: Image.Image, is_last: bool) -> None:
        self.seen(picture, (Kind.NOISY,) if is_last else (Kind.NOISY, Kind.CLEAN, Kind.VIEW))

    def made(self) -> Document:
        """What it has become. Raises RowError where nothing of it is learned."""
        if not any(one.supervised for one in self._segments):
            raise self._row.error(Fault.NO_TARGET, "it has no answer")
        return Document(tuple(self._segments), OTHER)

    def _add(self, role: Role, text: str, turn: int, loss: bool = False) -> None:
        self._segments.append(Segment(Kind.TEXT, role, text, turn=turn, loss=loss))


def _question(made: Document) -> Trace | Document:
    """One question about one picture as the trace that teaches it; anything else as it is."""
    if [(one.kind, one.role, one.loss) for one in made] != _ASKED_ONCE:
        return made
    view, asked, answer = made
    turns, questions = (Turn(None, view.picture),), ((asked.text, answer.text),)
    return Trace("", turns, seed=0, questions=questions, modes=(Mode.QUESTION,))


def _split(row: ForeignRow, name: str) -> tuple[str, list[str]]:
    """A text without its placeholders, and their names."""
    text = row.fields.words(name)
    return " ".join(_PLACEHOLDER.sub(" ", text).split()), _PLACEHOLDER.findall(text)


def _text(row: ForeignRow, name: str, values: list[Any], number: int) -> str:
    """The text at a place of a list; of alternatives, the first."""
    value = values[number] if number < len(values) else None
    value = value[0] if isinstance(value, list) and value else value
    place = f"{name}[{number}]"
    return Fields(row.place, {} if value is None else {place: value}).words(place)


def _next(row: ForeignRow, pictures: Iterator[Image.Image]) -> Image.Image:
    if (picture := next(pictures, None)) is None:
        raise row.fields.error(Fault.MISSING_COLUMN, "image", f"holds fewer pictures than there are {_IMAGE}")
    return picture
