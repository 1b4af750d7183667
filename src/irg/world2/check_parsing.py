"""Reads the texts of checks back."""

from __future__ import annotations

from irg.world2.check import (
    MISSING,
    RIGHT,
    AbsenceLine,
    Check,
    ComparisonLine,
    Part,
    RelationLine,
    Slot,
    check_text,
)
from irg.world2.inventory import (
    NOTHING,
    UNCLEAR,
    parse_inventory,
    parse_kind,
    parse_listed,
    parse_listing,
)
from irg.world2.request import CountOrder, Group, SpatialRelation
from irg.world2.scene import ATTRIBUTES, Colour, Looks, Shape, Size, Texture, Zone
from irg.world2.wording import NUMBER_WORDS

_SHAPE_OF_PLURAL = {shape.plural: shape for shape in Shape}


def parse_check(text: str) -> Check:
    """The check behind a text of `check_text`; ValueError for any other, also one that contradicts itself."""
    if not text.endswith("."):
        raise ValueError(f"a check ends with a full stop: {text!r}")
    sentences = text[:-1].split(". ")
    if not (sentences[0].startswith("Seen: ") and sentences[-1].startswith("Better: ")):
        raise ValueError(f"a check begins with what is seen and ends with what is better: {text!r}")
    extra = next((index for index, one in enumerate(sentences) if one.startswith("Extra: ")), None)
    if extra is None:
        raise ValueError(f"a check says what is extra: {text!r}")
    parts = _parts(sentences[1:extra])
    relations: list[RelationLine] = []
    comparison: ComparisonLine | None = None
    absences: list[AbsenceLine] = []
    for sentence in sentences[extra + 1 : -1]:
        words, middle, verdict = _fields(sentence, 3)
        first_word = words.split(" ")[0]
        if first_word in ("more", "fewer", "as"):
            comparison = _comparison(words, middle)
        elif first_word in ("no", NOTHING):
            absences.append(AbsenceLine(_excluded(words), NUMBER_WORDS.index(middle)))
        else:
            relations.append(_relation(words, middle, verdict, parts))
    better = sentences[-1].removeprefix("Better: ")
    found = Check(
        parse_inventory(sentences[0].removeprefix("Seen: ")),
        parts,
        parse_listing(sentences[extra].removeprefix("Extra: ")),
        tuple(relations),
        comparison,
        tuple(absences),
        None if better == NOTHING else parse_inventory(better),
    )
    if check_text(found) != text:
        raise ValueError(f"a check that says otherwise: {text!r}")
    return found


def _fields(sentence: str, number: int) -> list[str]:
    fields = sentence.split(": ")
    if len(fields) != number:
        raise ValueError(f"a line of {number} fields was expected, not {sentence!r}")
    return fields


def _parts(sentences: list[str]) -> tuple[Part, ...]:
    groups: list[Group] = []
    slots: list[list[Slot]] = []
    for sentence in sentences:
        if sentence.count(": ") == 3:
            head, _, sentence = sentence.partition(": ")
            groups.append(_group(head))
            slots.append([])
        _, both, verdict = _fields(sentence, 3)
        seen, separator, _ = both.partition(", ")
        if not separator or not groups:
            raise ValueError(f"an object beside what was asked for was expected: {sentence!r}")
        listed = None if seen == NOTHING else parse_listed(seen)
        slots[-1].append(Slot(listed, _wrong(verdict)))
    return tuple(Part(group, tuple(mine)) for group, mine in zip(groups, slots, strict=True))


def _group(words: str) -> Group:
    number, _, rest = words.partition(" ")
    if number in NUMBER_WORDS:
        return Group(NUMBER_WORDS.index(number), parse_kind(rest))
    return Group(None, parse_kind(words))


def _wrong(verdict: str) -> tuple[str, ...]:
    words = verdict.replace("color", "colour").split(" and ")
    if words in ([RIGHT], [MISSING]):
        return ()
    if not set(words) <= {*ATTRIBUTES, UNCLEAR}:
        raise ValueError(f"not a verdict: {verdict!r}")
    return tuple(word for word in words if word != UNCLEAR)


def _relation(words: str, zones: str, verdict: str, parts: tuple[Part, ...]) -> RelationLine:
    for relation in SpatialRelation:
        first, separator, second = words.partition(f" {relation} ")
        if separator:
            groups = [_mentioned(one, parts) for one in (first, second)]
            places = [None if zone == NOTHING else Zone(zone) for zone in zones.split(", ")]
            if len(places) != 2:
                raise ValueError(f"a relation has two places: {zones!r}")
            return RelationLine(relation, groups[0], groups[1], (places[0], places[1]), verdict == RIGHT)
    raise ValueError(f"not a relation: {words!r}")


def _mentioned(words: str, parts: tuple[Part, ...]) -> Group:
    kind = parse_kind(words)
    found = [part.group for part in parts if part.group.kind == kind]
    if not found:
        raise ValueError(f"no part of the check is about {words!r}")
    return found[0]


def _comparison(words: str, counts: str) -> ComparisonLine:
    order = next(order for order in CountOrder if words.startswith(order))
    rest = words.removeprefix(f"{order} ")
    first, separator, second = rest.partition(" as " if order is CountOrder.EQUAL else " than ")
    numbers = [NUMBER_WORDS.index(word) for word in counts.split(", ")]
    if not separator or len(numbers) != 2:
        raise ValueError(f"not a comparison: {words!r}: {counts!r}")
    return ComparisonLine(order, parse_kind(first), parse_kind(second), (numbers[0], numbers[1]))


def _excluded(words: str) -> Looks:
    start, _, word = words.partition(" ")
    if start == "no":
        return Looks(shape=_SHAPE_OF_PLURAL.get(word) or Shape(word))
    if word in set(Colour):
        return Looks(colour=Colour(word))
    return Looks(texture=Texture(word)) if word in set(Texture) else Looks(size=Size(word))
