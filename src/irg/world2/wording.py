"""The English of requests: every wording of one as a row of choices, of which one is taken.

`parsing` reads them back, and accepts no other: what a prompt may say is what training says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from numpy.random import Generator

from irg.world2.request import CountOrder, Group, Request, SpatialRelation
from irg.world2.scene import Looks, Size, pick

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
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
RELATION_PHRASES: dict[SpatialRelation, tuple[str, ...]] = {
    SpatialRelation.LEFT: ("left of", "to the left of", "on the left of"),
    SpatialRelation.RIGHT: ("right of", "to the right of", "on the right of"),
    SpatialRelation.ABOVE: ("above", "over"),
    SpatialRelation.BELOW: ("below", "under", "beneath"),
    SpatialRelation.INSIDE: ("inside", "within"),
    SpatialRelation.IN_FRONT: ("in front of",),
    SpatialRelation.BEHIND: ("behind",),
}
SIZE_WORDS: dict[Size, tuple[str, ...]] = {
    Size.SMALL: ("small", "little"),
    Size.MEDIUM: ("medium",),
    Size.LARGE: ("large", "big"),
}
ANYTHING = "object"  # of no shape in particular


@dataclass(frozen=True)
class Alternatives:
    """One of several texts; the first is the canonical one, and the others together have a chance."""

    options: tuple[str, ...]
    chance: float = 0.0

    def draw(self, rng: Generator | None) -> str:
        if rng is None or len(self.options) == 1 or rng.random() >= self.chance:
            return self.options[0]
        return pick(self.options[1:], rng)


Form = tuple[Alternatives, ...]
_PREFIX = Alternatives(("", *(f"{prefix} " for prefix in PREFIXES)), 0.5)
_FORM_CHANCE = 0.2  # of another form than the canonical one


def phrase(request: Request, rng: Generator | None = None) -> str:
    """One wording of a request; the canonical one without a generator."""
    all_forms = forms(request)
    form = all_forms[0] if rng is None or rng.random() >= _FORM_CHANCE else pick(all_forms, rng)
    text = "".join(choice.draw(rng) for choice in form)
    if rng is not None and rng.random() < 0.15:
        text = text[0].upper() + text[1:]
    if rng is not None and rng.random() < 0.10:
        text += "."
    return text


def is_wording(text: str, request: Request) -> bool:
    """Whether `phrase` may word the request so."""
    plain = text.removesuffix(".")
    plain = plain[:1].lower() + plain[1:]
    return any(re.fullmatch(_pattern(form), plain) for form in forms(request))


def forms(request: Request) -> list[Form]:
    """Every form that a wording of the request can have, the canonical one first."""
    tail = tuple(choice for index in range(len(request.excluded)) for choice in _exclusion(request, index))
    found = []
    for core in _cores(request):
        found.append((_PREFIX, *core, *tail))
    return found


def kind_text(kind: Looks, plural: bool = False) -> str:
    """ "small striped red stars", canonically."""
    return "".join(choice.options[0] for choice in _kind(kind, plural))


def group_text(group: Group) -> str:
    """ "two small red stars", canonically; of an open count "small red stars"."""
    if group.count is None:
        return kind_text(group.kind, plural=True)
    return "".join(choice.options[0] for choice in _group(group))


def _pattern(form: Form) -> str:
    return "".join(f"(?:{'|'.join(map(re.escape, choice.options))})" for choice in form)


def _cores(request: Request) -> Iterator[Form]:
    """The wordings of everything but what is excluded."""
    groups, links = request.groups, request.links
    if len(groups) == 2 and request.comparison is None and len(links) == 1 and links[0].first == 0:
        yield (*_group(groups[0]), _said(" "), _relation(links[0].relation), _said(" "), *_group(groups[1]))
    stated = tuple(choice for index in range(len(links)) for choice in _link(request, index))
    for listed in _lists(request):
        yield (*listed, *stated)


def _lists(request: Request) -> Iterator[Form]:
    """The groups one after the other, the compared ones as a comparison."""
    if request.comparison is None:
        yield _listed(request.groups)
        return
    closed = request.groups[:-2]
    first = (*_listed(closed), _said(" and ")) if closed else ()
    for comparison in _comparisons(request.comparison, request.groups[-2].kind, request.groups[-1].kind):
        yield (*first, *comparison)


def _listed(groups: tuple[Group, ...]) -> Form:
    form: Form = ()
    for index, group in enumerate(groups):
        if index:
            last, joiners = index == len(groups) - 1, (" and ", " with ") if len(groups) == 2 else (" and ",)
            form += (Alternatives(joiners, 0.2) if last else _said(", "),)
        form += _group(group)
    return form


def _comparisons(order: CountOrder, first: Looks, second: Looks) -> Iterator[Form]:
    one, other = _kind(first, plural=True), _kind(second, plural=True)
    said_short = second.shape is first.shape and len(second.attributes) > 1
    short = (*_adjectives(second), _said("ones"))
    others = (other, short) if said_short else (other,)
    for last in others:
        if order is CountOrder.EQUAL:
            yield (_said("as many "), *one, _said(" as "), *last)
        else:
            yield (_said(f"{order.value} "), *one, _said(" than "), *last)
    if order is CountOrder.EQUAL:
        yield (_said("the same number of "), *one, _said(" and "), *other)


def _group(group: Group) -> Form:
    assert group.count is not None, "a group of an open count is said in a comparison"
    kind = _kind(group.kind, plural=group.count > 1)
    if group.count > 1:
        return (Alternatives((NUMBER_WORDS[group.count], str(group.count)), 0.15), _said(" "), *kind)
    article = "an" if kind[0].options[0][0] in "aeiou" else "a"
    return (Alternatives((article, "one"), 0.15), _said(" "), *kind)


def _kind(kind: Looks, plural: bool) -> Form:
    if kind.shape is None:
        noun = f"{ANYTHING}s" if plural else ANYTHING
    else:
        noun = kind.shape.plural if plural else kind.shape.value
    return (*_adjectives(kind), _said(noun))


def _adjectives(kind: Looks) -> Form:
    form: Form = ()
    if kind.size is not None:
        form += (Alternatives(SIZE_WORDS[kind.size], 0.3), _said(" "))
    if kind.texture is not None:
        form += (_said(f"{kind.texture} "),)
    if kind.colour is not None:
        form += (_said(f"{kind.colour} "),)
    return form


def _relation(relation: SpatialRelation) -> Alternatives:
    return Alternatives(RELATION_PHRASES[relation], 0.5)


def _link(request: Request, index: int) -> Form:
    """ ", the red stars left of the circle", or " and the ..." after a first."""
    link = request.links[index]
    first, second = (
        _kind(request.groups[group].kind, plural=request.groups[group].count != 1)
        for group in (link.first, link.second)
    )
    start = " and the " if index else ", the "
    return (_said(start), *first, _said(" "), _relation(link.relation), _said(" the "), *second)


def _exclusion(request: Request, index: int) -> Form:
    """ ", no circles and nothing red", in parts."""
    kind = request.excluded[index]
    start: tuple[str, ...] = (" and ", ", ") if index else (", ", " and ", " with ")
    if kind.shape is not None:
        ways = tuple(f"{joiner}no " for joiner in start)
        if not index:
            ways += (" without ",)
        return (Alternatives(ways, 0.5), _said(kind.shape.plural))
    (word,) = kind.attributes.values()
    options = [f"{joiner}nothing {word}" for joiner in start]
    if kind.colour is not None:
        options += [f"{joiner}no {word}" for joiner in start]
        if not index:
            options.append(f" without {word}")
    return (Alternatives(tuple(options), 0.5),)


def _said(text: str) -> Alternatives:
    return Alternatives((text,))
