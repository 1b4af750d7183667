"""Reads the wordings of requests back, and says of anything else why it lies outside the world."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from irg.world2.request import CountOrder, Group, Link, Request, SpatialRelation
from irg.world2.scene import COLOURS, MAX_OBJECTS, SHAPES, TEXTURES, Colour, Looks, Shape, Size, Texture
from irg.world2.wording import (
    ANYTHING,
    NUMBER_WORDS,
    PREFIXES,
    RELATION_PHRASES,
    SIZE_WORDS,
    is_wording,
    phrase,
)

_SHAPE_OF: dict[str, Shape | None] = {
    **{shape.value: shape for shape in SHAPES},
    **{shape.plural: shape for shape in SHAPES},
    ANYTHING: None,
    f"{ANYTHING}s": None,
}
_PLURALS = {shape.plural for shape in SHAPES} | {f"{ANYTHING}s"}
_COLOUR_OF = {colour.value: colour for colour in COLOURS}
_TEXTURE_OF = {texture.value: texture for texture in TEXTURES}
_SIZE_OF = {word: size for size, words in SIZE_WORDS.items() for word in words}
_NUMBER_OF = {
    **{word: number for number, word in enumerate(NUMBER_WORDS)},
    **{str(number): number for number in range(len(NUMBER_WORDS))},
    "a": 1,
    "an": 1,
}
_RELATIONS = sorted(
    ((text.split(), relation) for relation, texts in RELATION_PHRASES.items() for text in texts),
    key=lambda found: -len(found[0]),
)
_COMPARING = {
    CountOrder.MORE: (["more"], ["than"]),
    CountOrder.FEWER: (["fewer"], ["than"]),
    CountOrder.EQUAL: (["as", "many"], ["as"]),
}
_SAME_NUMBER = ["the", "same", "number", "of"]
_JOINERS = {",", "and", "with"}
_NEGATIONS = {"no", "nothing", "without"}
_KNOWN_WORDS = (
    {*_SHAPE_OF, *_COLOUR_OF, *_TEXTURE_OF, *_SIZE_OF, *_NUMBER_OF}
    | {word for text in PREFIXES for word in text.split()}
    | {word for words, _ in _RELATIONS for word in words}
    | {word for parts in _COMPARING.values() for words in parts for word in words}
    | {*_SAME_NUMBER, *_JOINERS, *_NEGATIONS, "ones"}
)


class OutsideWorld(ValueError):
    """A prompt asks for something that the scene world does not have, or in words that it does not use."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem} {_world_summary()}")


def parse(text: str) -> Request:
    """The request behind a wording that `phrase` can produce; OutsideWorld for any other text."""
    text = text.strip()
    tokens = re.findall(r"[\w-]+|[^\w\s]", text.removesuffix(".").lower())
    unknown = [token for token in tokens if token not in _KNOWN_WORDS and not token.isdigit()]
    if unknown:
        named = ", ".join(repr(word) for word in dict.fromkeys(unknown))
        raise OutsideWorld(f"The scene world does not know {named}.")
    reader = _Reader(tokens)
    reader.skip_prefix()
    while not reader.at_end:
        reader.part()
    request = reader.request()
    if not is_wording(text, request):
        raise OutsideWorld(f"{text!r} is not how the scene world says it; say {phrase(request)!r}.")
    return request


@dataclass
class _Reader:
    """A place in the tokens of a prompt, and what was understood so far."""

    tokens: list[str]
    place: int = 0
    groups: list[Group] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    comparison: CountOrder | None = None
    excluded: list[Looks] = field(default_factory=list)

    @property
    def at_end(self) -> bool:
        return self.place >= len(self.tokens)

    @property
    def token(self) -> str | None:
        return None if self.at_end else self.tokens[self.place]

    def request(self) -> Request:
        if not self.groups:
            raise OutsideWorld("Nothing was asked for.")
        try:
            return Request(tuple(self.groups), tuple(self.links), self.comparison, tuple(self.excluded))
        except ValueError as problem:
            raise OutsideWorld(str(problem)) from problem

    def skip_prefix(self) -> None:
        for prefix in PREFIXES:
            if self.take(prefix.split()):
                return

    def part(self) -> None:
        """The next group, relation, comparison or exclusion, with what joins it to the last."""
        while self.token in _JOINERS:
            self.place += 1
        if self.at_end:
            raise OutsideWorld("The prompt ends too early.")
        if self.take(_SAME_NUMBER):
            self.compare(CountOrder.EQUAL, ["and"])
            return
        for order, (start, middle) in _COMPARING.items():
            if self.take(start):
                self.compare(order, middle)
                return
        if self.token in _NEGATIONS:
            self.place += 1
            self.excluded.append(self.exclusion())
        elif self.take(["the"]):
            first, relation = self.mentioned(), self.relation()
            if relation is None or not self.take(["the"]):
                raise self.lost("A relation to another group was expected")
            self.links.append(Link(relation, first, self.mentioned()))
        else:
            self.groups.append(self.group())
            if (relation := self.relation()) is not None:
                self.groups.append(self.group())
                self.links.append(Link(relation, len(self.groups) - 2, len(self.groups) - 1))

    def compare(self, order: CountOrder, middle: list[str]) -> None:
        if self.comparison is not None:
            raise OutsideWorld("A picture has one comparison at most.")
        first = self.kind(None)
        if not self.take(middle):
            raise self.lost(f"{' '.join(middle)!r} was expected")
        second = self.kind(first.shape)
        self.comparison = order
        self.groups += [Group(None, first), Group(None, second)]

    def group(self) -> Group:
        count = _NUMBER_OF.get(self.token or "")
        if count is None and self.token is not None and self.token.isdigit():
            raise OutsideWorld(f"{self.token} objects are too many: a picture has at most {MAX_OBJECTS}.")
        if count is None:
            raise self.lost("A number or 'a' was expected")
        self.place += 1
        return Group(count, self.kind(None))

    def kind(self, shape_of_ones: Shape | None) -> Looks:
        size: Size | None = None
        texture: Texture | None = None
        colour: Colour | None = None
        while (word := self.token) is not None:
            if word in _SIZE_OF and size is None:
                size = _SIZE_OF[word]
            elif word in _TEXTURE_OF and texture is None:
                texture = _TEXTURE_OF[word]
            elif word in _COLOUR_OF and colour is None:
                colour = _COLOUR_OF[word]
            else:
                break
            self.place += 1
        if word == "ones":
            self.place += 1
            return Looks(shape_of_ones, colour, texture, size)
        if word not in _SHAPE_OF:
            raise self.lost("A shape was expected")
        self.place += 1
        return Looks(_SHAPE_OF[word], colour, texture, size)

    def exclusion(self) -> Looks:
        word = self.token or ""
        self.place += 1
        if word in _PLURALS and _SHAPE_OF[word] is not None:
            return Looks(shape=_SHAPE_OF[word])
        if word in _COLOUR_OF:
            return Looks(colour=_COLOUR_OF[word])
        if word in _TEXTURE_OF:
            return Looks(texture=_TEXTURE_OF[word])
        if word in _SIZE_OF:
            return Looks(size=_SIZE_OF[word])
        self.place -= 1
        raise self.lost("What is excluded was expected")

    def mentioned(self) -> int:
        """The index of a group that "the red stars" refers to."""
        kind = self.kind(None)
        for index, group in enumerate(self.groups):
            if group.kind == kind:
                return index
        raise self.lost("A group that was named before was expected")

    def relation(self) -> SpatialRelation | None:
        for words, relation in _RELATIONS:
            if self.take(words):
                return relation
        return None

    def take(self, words: Sequence[str]) -> bool:
        if self.tokens[self.place : self.place + len(words)] != list(words):
            return False
        self.place += len(words)
        return True

    def lost(self, problem: str) -> OutsideWorld:
        where = "the end" if self.at_end else repr(self.token)
        return OutsideWorld(f"{problem} at {where} of {' '.join(self.tokens)!r}.")


def _world_summary() -> str:
    relations = ", ".join(SpatialRelation)
    return (
        f"It knows the shapes {', '.join(SHAPES)}, or objects of any; the colors {', '.join(COLOURS)}; "
        f"the textures {', '.join(TEXTURES)}; the sizes {', '.join(Size)}; counts from one to nine, and nine "
        f"objects in all; up to two relations between groups ({relations}); 'more stars than "
        "circles', 'fewer ... than ...', 'as many ... as ...'; and 'no circles', 'nothing red'."
    )
