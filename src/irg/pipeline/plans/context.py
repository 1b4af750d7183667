"""What steps read: a plan's pieces, in terms of what an episode was given and has made."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image

from irg.core import Kind, Role
from irg.pipeline.plans.pieces import (
    IMAGE_FORMS,
    INPUT,
    NEWEST,
    PROMPT,
    ROUND,
    SYSTEM,
    Each,
    Piece,
    PieceName,
    Pieces,
    Say,
    TextForm,
    filled,
)
from irg.pipeline.plans.texts import ReadText


@dataclass(frozen=True)
class ContextEntry:
    """A segment of what a step reads, before it is made. Two are the same if they are of one source, however
    often it is read."""

    kind: Kind
    source: str
    """A number for each text and picture of the episode, in its order, or what else it is."""
    form: str = ""
    role: Role = field(default=Role.THOUGHT, compare=False)
    label: str = field(default="", compare=False)
    turn: int = field(default=0, compare=False)
    text: str = field(default="", compare=False)
    image: Image.Image | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.label if self.kind is Kind.TEXT else f"{self.kind.name}({self.label})"


Entries = tuple[ContextEntry, ...]


@dataclass(frozen=True, eq=False)
class Given:
    """What an episode begins with. `inputs` are resized for the autoencoder, and `looks` are they as the
    vision tower gets them, if that is another. `size` is the checkpoint's."""

    prompt: str
    systems: dict[str, str] = field(default_factory=dict)
    """By the part of `system.PART`; "" is `system` itself."""
    inputs: tuple[Image.Image, ...] = ()
    looks: tuple[Image.Image, ...] = ()
    size: tuple[int, int] = (1024, 1024)
    world: str | None = None


@dataclass(frozen=True, eq=False)
class Made:
    """A text that was written or a picture that was drawn, by the step of this name, in a pass of `repeat`
    (0 before it), in a turn."""

    name: str
    number: int
    turn: int
    text: ReadText | None = None
    image: Image.Image | None = None
    capped: bool = False

    @property
    def label(self) -> str:
        return f"{self.name}{self.number or ''}"


@dataclass(frozen=True, eq=False)
class EpisodeContent:
    """What an episode was given and has made: up to pass `number` of `repeat`, in its so-manieth attempt."""

    given: Given
    made: tuple[Made, ...]
    number: int
    attempt: int

    @property
    def turn(self) -> int:
        """Of the next picture: given ones are of turn 1, if there are any."""
        return 1 + bool(self.given.inputs) + sum(one.image is not None for one in self.made)

    @property
    def values(self) -> dict[str, str]:
        """What the places of templates stand for."""
        texts = {one.name: one.text.taken for one in self.made if one.text is not None}
        return {**texts, PROMPT: self.given.prompt, ROUND: str(self.number)}

    def read(self, pieces: Pieces) -> Entries:
        return tuple(entry for piece in pieces for entry in self._entries(piece))

    def holds(self, entry: ContextEntry) -> bool:
        """Whether an entry is of what the episode was given or has made, and not of what came after that."""
        attempt, _, place = entry.source.partition(".")
        is_made = attempt.isdigit() and place.isdigit()
        return not is_made or (int(attempt) == self.attempt and int(place) < len(self.made))

    def _entries(self, piece: Piece) -> Iterator[ContextEntry]:
        if isinstance(piece, Say):
            text = filled(piece.say, self.values)
            yield ContextEntry(Kind.TEXT, "say", text, Role.QUESTION, "say", self.turn, text)
        elif isinstance(piece, Each):
            for number in range(1, self.number):
                for name in piece.each:
                    yield from self._named(name, number)
        else:
            yield from self._named(piece, None)

    def _named(self, piece: str, number: int | None) -> Iterator[ContextEntry]:
        """The entries of a named piece: of one pass of `repeat`, or the newest of all."""
        name, part, form = PieceName.of(piece)
        if name == SYSTEM:
            if text := self.given.systems.get(part):
                label = f"S.{part}" if part else "S"
                yield ContextEntry(Kind.TEXT, piece, "", Role.SYSTEM, label, 0, text)
        elif name == PROMPT:
            turn = 1 + bool(self.given.inputs)
            yield ContextEntry(Kind.TEXT, PROMPT, "", Role.PROMPT, "P", turn, self.given.prompt)
        elif name == INPUT or (name == NEWEST and not any(one.image for one in self.made)):
            count = len(self.given.inputs)
            for place in range(0 if name == INPUT else count - 1, count):
                yield from self._input(place, form)
        else:
            yield from self._made(name, form, number)

    def _input(self, place: int, form: str) -> Iterator[ContextEntry]:
        label = "input" if len(self.given.inputs) == 1 else f"input{place + 1}"
        for kind in IMAGE_FORMS[form]:
            shown = self.given.looks if kind is Kind.VIEW and self.given.looks else self.given.inputs
            source = f"{INPUT}{place}"
            yield ContextEntry(kind, source, "", Role.IMAGE, label, 1, image=shown[place])

    def _made(self, name: str, form: str, number: int | None) -> Iterator[ContextEntry]:
        for source in range(len(self.made) - 1, -1, -1):
            one = self.made[source]
            is_named = one.image is not None if name == NEWEST else one.name == name
            if not is_named or (number is not None and one.number != number):
                continue
            if one.image is not None:
                for kind in IMAGE_FORMS[form]:
                    key = f"{self.attempt}.{source}"
                    yield ContextEntry(kind, key, "", Role.IMAGE, one.label, one.turn, image=one.image)
            elif one.text is not None:
                yield _text_entry(one, one.text, form, f"{self.attempt}.{source}")
            return
        if number is None:
            raise ValueError(f"the plan reads {name}, but none was made: the text before it asked for none")


def _text_entry(one: Made, text: ReadText, form: str, source: str) -> ContextEntry:
    words = {
        TextForm.TAKEN: text.taken,
        TextForm.WHOLE: text.whole,
        TextForm.CANONICAL: text.canonical or "",
    }[TextForm(form)]
    # What was written and is read as it stands is the same segment, whichever way it is called.
    form = "" if words == text.whole else form or "taken"
    label = one.label if not form or form == "taken" else f"{one.label}:{form}"
    return ContextEntry(Kind.TEXT, source, form, Role.THOUGHT, label, one.turn, words)
