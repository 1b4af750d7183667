"""The English of requests: `phrase` words one, `parse` reads any of those wordings back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator

from irg.world.request import Direction, Group, Request, infer_family
from irg.world.scene import COLOURS, MAX_OBJECTS, SHAPES, SIZES, Colour, Shape, Size, pick

MOST_GROUPS = 3
"""Of a prompt that is phrased (`irg.world.grammar`), and so of one that is read."""
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

PREFIXES = (
    "a picture of",
    "a photo of",
    "an image of",
    "a drawing of",
    "draw",
    "please draw",
    "show me",
    "paint",
)
RELATION_PHRASES: dict[Direction, tuple[str, ...]] = {
    Direction.LEFT: ("left of", "to the left of", "on the left of"),
    Direction.RIGHT: ("right of", "to the right of", "on the right of"),
    Direction.ABOVE: ("above", "over"),
    Direction.BELOW: ("below", "under", "beneath"),
}
SIZE_WORDS: dict[Size, tuple[str, ...]] = {Size.SMALL: ("small", "little"), Size.LARGE: ("large", "big")}

_READ_ONLY_RELATIONS = {
    Direction.LEFT: ("on the left side of", "to left of"),
    Direction.RIGHT: ("on the right side of", "to right of"),
    Direction.ABOVE: ("on top of",),
    Direction.BELOW: ("underneath",),
}
_ARTICLES = {"a", "an", "the", "single"}
_COLOUR_FILLERS = {"color", "colour", "colored", "coloured"}
_RELATION_FILLERS = {"is", "are", "that", "which", "placed", "located"}
_JOINERS = {"and", "with", "plus", "also", "together", ",", ";", "&", "+"}
_LEAD_VERBS = {"please", "draw", "paint", "make", "create", "generate", "show", "render", "give", "me"}
_LEAD_NOUNS = {"picture", "photo", "photograph", "image", "drawing", "painting", "illustration", "scene"}
_LEAD_LINKS = {"of", "with", "showing", "containing"}

_SHAPE_OF = {shape.value: shape for shape in SHAPES}
_SHAPE_OF_PLURAL = {f"{shape.value}s": shape for shape in SHAPES}
_COLOUR_OF = {colour.value: colour for colour in COLOURS}
_SIZE_OF = {word: size for size, words in SIZE_WORDS.items() for word in words} | {"tiny": Size.SMALL}
_NUMBER_OF = {word: number for number, word in enumerate(NUMBER_WORDS)}
_RELATIONS = sorted(
    (
        (tuple(text.split()), direction)
        for table in (RELATION_PHRASES, _READ_ONLY_RELATIONS)
        for direction, texts in table.items()
        for text in texts
    ),
    key=lambda relation: -len(relation[0]),
)
_KNOWN_WORDS = (
    {*_SHAPE_OF, *_SHAPE_OF_PLURAL, *_COLOUR_OF, *_SIZE_OF, *_NUMBER_OF}
    | _ARTICLES
    | _COLOUR_FILLERS
    | _RELATION_FILLERS
    | _JOINERS
    | _LEAD_VERBS
    | _LEAD_NOUNS
    | _LEAD_LINKS
    | {word for words, _ in _RELATIONS for word in words}
)


class OutsideWorld(ValueError):
    """A prompt asks for something that the scene world does not have."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem} {_world_summary()}")


def phrase(request: Request, rng: Generator | None = None) -> str:
    """One wording of a request; the canonical one without a generator."""
    text = _plain_text(request, rng)
    if rng is None:
        return text
    if rng.random() < 0.5:
        text = f"{pick(PREFIXES, rng)} {text}"
    if rng.random() < 0.15:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.10:
        text += "."
    return text


def as_phrased(text: str) -> str:
    """A prompt in a wording that `phrase` gives: as it is if it is one already, else the canonical one.

    `parse` reads more wordings than a model of this world was trained on. Raises OutsideWorld as it does.
    """
    request = parse(text)
    return text if re.fullmatch(_phrased(request), text[:1].lower() + text[1:]) else phrase(request)


def group_text(group: Group, rng: Generator | None = None) -> str:
    """ "two large red circles", in one of its wordings or the canonical one."""
    words = []
    if group.size:
        words.append(pick(SIZE_WORDS[group.size], rng) if rng and rng.random() < 0.3 else group.size.value)
    if group.colour:
        words.append(group.colour.value)
    words.append(group.shape.value if group.count == 1 else f"{group.shape.value}s")
    if group.count > 1:
        quantity = str(group.count) if rng and rng.random() < 0.15 else NUMBER_WORDS[group.count]
    elif rng and rng.random() < 0.15:
        quantity = "one"
    else:
        quantity = article(words[0])
    return " ".join([quantity, *words])


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def parse(text: str) -> Request:
    """The request behind any of the wordings, in any case, with words or digits."""
    tokens = re.findall(r"[^\W\d_]+|\d+|[,;&+]", text.lower())
    unknown = [token for token in tokens if token not in _KNOWN_WORDS and not token.isdigit()]
    if unknown:
        named = ", ".join(repr(word) for word in dict.fromkeys(unknown))
        raise OutsideWorld(f"The scene world does not know {named}.")
    reader = _Reader(tokens, _end_of_lead(tokens))
    groups = [reader.group()]
    direction: Direction | None = None
    while not reader.at_end:
        relation = reader.relation()
        if relation is None:
            reader.joiner()
        elif direction or len(groups) > 1:
            raise OutsideWorld(f"{text!r} cannot be laid out: a relation holds between exactly two groups.")
        else:
            direction = relation
        groups.append(reader.group())
    if direction and len(groups) > 2:
        raise OutsideWorld(f"{text!r} cannot be laid out: a relation holds between exactly two groups.")
    if len(groups) > MOST_GROUPS:
        raise OutsideWorld(f"{len(groups)} groups are too many: a prompt names at most {MOST_GROUPS}.")
    num_objects = sum(group.count for group in groups)
    if num_objects > MAX_OBJECTS:
        raise OutsideWorld(f"{num_objects} objects are too many: a picture has at most {MAX_OBJECTS}.")
    return Request(infer_family(tuple(groups), direction), tuple(groups), direction)


@dataclass
class _Reader:
    """A place in the tokens of a prompt."""

    tokens: list[str]
    place: int

    @property
    def at_end(self) -> bool:
        return self.place == len(self.tokens)

    @property
    def token(self) -> str | None:
        return None if self.at_end else self.tokens[self.place]

    def group(self) -> Group:
        articles = self.take_all(_ARTICLES)
        count = self.number()
        size: Size | None = None
        colour: Colour | None = None
        while (token := self.token) in _SIZE_OF or token in _COLOUR_OF or token in _COLOUR_FILLERS:
            if token in _SIZE_OF and size is None:
                size = _SIZE_OF[token]
            elif token in _COLOUR_OF and colour is None:
                colour = _COLOUR_OF[token]
            elif token not in _COLOUR_FILLERS:
                raise OutsideWorld(f"An object has one size and one colour, so {token!r} is too much.")
            self.place += 1
            self.skip_comma_before_adjective()
        shape = self.shape()
        if count is None and not articles and self.tokens[self.place - 1] in _SHAPE_OF_PLURAL:
            raise OutsideWorld(f"How many {shape.value}s? Say a number from one to five.")
        return Group(1 if count is None else count, shape, colour, size)

    def number(self) -> int | None:
        token = self.token
        if token is None or not (token in _NUMBER_OF or token.isdigit()):
            return None
        self.place += 1
        count = _NUMBER_OF[token] if token in _NUMBER_OF else int(token)
        if not 1 <= count <= MAX_OBJECTS:
            raise OutsideWorld(f"{token} is not a count that a picture can show.")
        return count

    def skip_comma_before_adjective(self) -> None:
        following = self.tokens[self.place + 1] if self.place + 1 < len(self.tokens) else None
        if self.token == "," and (following in _SIZE_OF or following in _COLOUR_OF):
            self.place += 1

    def shape(self) -> Shape:
        token = self.token
        if token not in _SHAPE_OF and token not in _SHAPE_OF_PLURAL:
            where = "the end" if token is None else repr(token)
            raise OutsideWorld(f"A shape was expected at {where} of {' '.join(self.tokens)!r}.")
        self.place += 1
        return _SHAPE_OF[token] if token in _SHAPE_OF else _SHAPE_OF_PLURAL[token]

    def relation(self) -> Direction | None:
        start = self.place
        self.take_all(_RELATION_FILLERS)
        for words, direction in _RELATIONS:
            if tuple(self.tokens[self.place : self.place + len(words)]) == words:
                self.place += len(words)
                return direction
        self.place = start
        return None

    def joiner(self) -> None:
        if not self.take_all(_JOINERS):
            rest = " ".join(self.tokens[self.place :])
            raise OutsideWorld(f"{rest!r} cannot be read in {' '.join(self.tokens)!r}.")

    def take_all(self, words: set[str]) -> int:
        start = self.place
        while self.token in words:
            self.place += 1
        return self.place - start


def _end_of_lead(tokens: list[str]) -> int:
    """How many tokens "please draw a picture of" and the like take."""
    reader = _Reader(tokens, 0)
    reader.take_all(_LEAD_VERBS)
    before_noun = reader.place
    reader.take_all(_ARTICLES)
    if not reader.take_all(_LEAD_NOUNS):
        return before_noun
    reader.take_all(_LEAD_LINKS)
    return reader.place


def _phrased(request: Request) -> str:
    """A pattern of all wordings that `phrase` gives of a request, beginning with a small letter."""
    groups = [_phrased_group(group) for group in request.groups]
    if request.direction:
        text = f"{groups[0]} {_any_of(RELATION_PHRASES[request.direction])} {groups[1]}"
    elif len(groups) == 2:
        text = f"{groups[0]} (and|with) {groups[1]}"
    else:
        text = " and ".join([", ".join(groups[:-1]), groups[-1]]) if groups[1:] else groups[0]
    return rf"({_any_of(PREFIXES)} )?{text}\.?"


def _phrased_group(group: Group) -> str:
    shape = group.shape.value if group.count == 1 else f"{group.shape.value}s"
    words = f"{group.colour.value} {shape}" if group.colour else shape
    sizes = SIZE_WORDS[group.size] if group.size else ()
    named = [f"{size} {words}" for size in sizes] or [words]
    if group.count > 1:
        return f"{_any_of((NUMBER_WORDS[group.count], str(group.count)))} {_any_of(named)}"
    return _any_of([f"{number} {one}" for one in named for number in ("one", article(one))])


def _any_of(texts: Sequence[str]) -> str:
    return f"({'|'.join(texts)})"


def _plain_text(request: Request, rng: Generator | None) -> str:
    groups = [group_text(group, rng) for group in request.groups]
    if request.direction:
        phrases = RELATION_PHRASES[request.direction]
        relation = pick(phrases, rng) if rng else phrases[0]
        return f"{groups[0]} {relation} {groups[1]}"
    joiner = "with" if rng and len(groups) == 2 and rng.random() < 0.2 else "and"
    return f"{', '.join(groups[:-1])} {joiner} {groups[-1]}" if len(groups) > 1 else groups[0]


def _world_summary() -> str:
    shapes = ", ".join(shape.value for shape in SHAPES)
    colours = ", ".join(colour.value for colour in COLOURS)
    sizes = " and ".join(size.value for size in SIZES)
    relations = ", ".join(direction.value for direction in Direction)
    return (
        f"It knows the shapes {shapes}; the colours {colours}; the sizes {sizes}; "
        f"counts from one to five, and five objects in all; and, between two groups, {relations}."
    )
