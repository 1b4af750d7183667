"""Random requests of each family, and random challenges."""

from __future__ import annotations

from collections.abc import Callable

from numpy.random import Generator

from irg.world2.constraints import CHALLENGES, Constraint, is_challenge
from irg.world2.families import Family, infer_family
from irg.world2.overlap import can_overlap
from irg.world2.request import DIRECTIONS, LAYERINGS, CountOrder, Group, Link, Request, SpatialRelation
from irg.world2.scene import COLOURS, SHAPES, SIZES, TEXTURES, Looks, Shape, pick

_COUNTS = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4)  # of the groups of compounds
_NUM_TRIES = 2000


def sample_request(rng: Generator, family: Family) -> Request:
    """A random request of a family, held-out combinations included, challenges not."""
    sampler = _SAMPLERS[family]
    for _ in range(_NUM_TRIES):
        try:
            request = sampler(rng)
        except ValueError:  # a random choice that no picture can show
            continue
        if infer_family(request) is family and not is_challenge(request):
            return request
    raise AssertionError(f"no request of the family {family.value} was drawn")


def sample_challenge(rng: Generator) -> Request:
    """A random request in which kinds of constraints meet that never do in training."""
    challenge = pick(CHALLENGES, rng)
    for _ in range(_NUM_TRIES):
        try:
            request = _challenge(challenge, rng)
        except ValueError:
            continue
        if is_challenge(request):
            return request
    raise AssertionError(f"no challenge of {sorted(challenge)} was drawn")


def _two_shapes(rng: Generator) -> tuple[Shape, Shape]:
    first, second = (SHAPES[index] for index in rng.permutation(len(SHAPES))[:2])
    return first, second


def _request(*groups: Group, links: tuple[Link, ...] = (), excluded: tuple[Looks, ...] = ()) -> Request:
    return Request(groups, links, None, excluded)


def _single(rng: Generator) -> Request:
    return _request(Group(1, Looks(pick(SHAPES, rng), size=pick((None, None, *SIZES), rng))))


def _two(rng: Generator) -> Request:
    first, second = _two_shapes(rng)
    return _request(Group(1, Looks(first)), Group(1, Looks(second)))


def _counting(rng: Generator) -> Request:
    return _request(Group(int(rng.integers(2, 10)), Looks(pick(SHAPES, rng))))


def _colors(rng: Generator) -> Request:
    return _request(Group(1, Looks(pick(SHAPES, rng), pick(COLOURS, rng))))


def _position(rng: Generator) -> Request:
    first, second = _two_shapes(rng)
    return _request(
        Group(1, Looks(first)), Group(1, Looks(second)), links=(Link(pick(DIRECTIONS, rng), 0, 1),)
    )


def _attribution(rng: Generator) -> Request:
    first, second = (COLOURS[index] for index in rng.permutation(len(COLOURS))[:2])
    return _request(Group(1, Looks(pick(SHAPES, rng), first)), Group(1, Looks(pick(SHAPES, rng), second)))


def _texture(rng: Generator) -> Request:
    with_colours = rng.random() < 0.5
    groups = [
        Group(1, Looks(pick(SHAPES, rng), pick(COLOURS, rng) if with_colours else None, pick(TEXTURES, rng)))
        for _ in range(int(rng.integers(1, 3)))
    ]
    return _request(*groups)


def _overlap(rng: Generator) -> Request:
    with_colours = rng.random() < 0.6
    groups = [
        Group(1, Looks(pick(SHAPES, rng), pick(COLOURS, rng) if with_colours else None)) for _ in range(2)
    ]
    return _request(*groups, links=(Link(pick(LAYERINGS, rng), 0, 1),))


def _compared(rng: Generator) -> tuple[Looks, Looks]:
    """Two kinds whose numbers can be compared: of two shapes, or of one in two colours."""
    if rng.random() < 0.3:
        shape = pick(SHAPES, rng)
        first, second = (COLOURS[index] for index in rng.permutation(len(COLOURS))[:2])
        return Looks(shape, first), Looks(shape, second)
    first, second = (Looks(shape) for shape in _two_shapes(rng))
    if rng.random() < 0.25:
        first, second = (Looks(kind.shape, pick(COLOURS, rng)) for kind in (first, second))
    return first, second


def _comparison(rng: Generator) -> Request:
    first, second = _compared(rng)
    return Request((Group(None, first), Group(None, second)), (), pick(tuple(CountOrder), rng))


def _negation(rng: Generator) -> Request:
    count = pick((1, 2, 3, 3, 4, 4, 5, 6), rng)
    loose = rng.random() < 0.5
    shape = None if loose else pick(SHAPES, rng)
    groups = [Group(count, Looks(shape, pick(COLOURS, rng) if rng.random() < 0.25 else None))]
    if not loose and rng.random() < 0.4:
        groups.append(Group(pick((1, 2, 3), rng), Looks(pick(SHAPES, rng))))
    return _request(*groups, excluded=_excluded(rng))


def _excluded(rng: Generator) -> tuple[Looks, ...]:
    options: tuple[Callable[[], Looks], ...] = (
        lambda: Looks(shape=pick(SHAPES, rng)),
        lambda: Looks(colour=pick(COLOURS, rng)),
        lambda: Looks(texture=pick(TEXTURES, rng)),
        lambda: Looks(size=pick(SIZES, rng)),
    )
    number = 2 if rng.random() < 0.3 else 1
    kinds = [options[int(index)]() for index in rng.choice(4, number, p=(0.35, 0.35, 0.2, 0.1))]
    return tuple(kinds)


def _compound(rng: Generator) -> Request:
    draw = rng.random()
    if draw < 0.10:
        first, second = _compared(rng)
        groups = (_some_group(rng), Group(None, first), Group(None, second))
        return Request(groups, (), pick(tuple(CountOrder), rng))
    groups = tuple(_some_group(rng) for _ in range(pick((1, 2, 2, 2, 3, 3), rng)))
    links = _links(len(groups), pick((0, 1, 1, 2), rng), DIRECTIONS, rng)
    if draw < 0.25 and len(groups) == 2:
        links = (Link(pick(LAYERINGS, rng), 0, 1),)
        groups = tuple(Group(1, group.kind) for group in groups)
    return _request(*groups, links=links, excluded=_excluded(rng) if draw > 0.85 else ())


def _some_group(rng: Generator) -> Group:
    return Group(
        pick(_COUNTS, rng),
        Looks(
            pick(SHAPES, rng),
            pick(COLOURS, rng) if rng.random() < 0.6 else None,
            pick(TEXTURES, rng) if rng.random() < 0.3 else None,
            pick(SIZES, rng) if rng.random() < 0.3 else None,
        ),
    )


def _links(
    num_groups: int, number: int, relations: tuple[SpatialRelation, ...], rng: Generator
) -> tuple[Link, ...]:
    if num_groups < 2:
        return ()
    if num_groups == 2:
        return (Link(pick(relations, rng), 0, 1),) if number else ()
    pairs = [(0, 1), (1, 2), (0, 2), (2, 0)]
    chosen = [pairs[index] for index in rng.permutation(len(pairs))[:number]]
    return tuple(Link(pick(relations, rng), *pair) for pair in chosen)


def _challenge(challenge: frozenset[Constraint], rng: Generator) -> Request:
    """A random request that has all of the constraints, as far as the world allows what was drawn."""
    comparison = pick(tuple(CountOrder), rng) if Constraint.COMPARISON in challenge else None
    excluded = _excluded(rng) if Constraint.NEGATION in challenge else ()
    if Constraint.THREE_GROUPS in challenge:
        groups = tuple(_textured(_some_group(rng), rng) for _ in range(3))
        return _request(*groups, links=_links(3, 2, DIRECTIONS, rng))
    if Constraint.LAYERING in challenge:
        return _layered_challenge(challenge, excluded, rng)
    assert comparison is not None, "the other challenges have a comparison"
    first, second = _compared(rng)
    links = (Link(pick(DIRECTIONS, rng), 0, 1),) if Constraint.DIRECTION in challenge else ()
    return Request((Group(None, first), Group(None, second)), links, comparison, excluded)


def _layered_challenge(
    challenge: frozenset[Constraint], excluded: tuple[Looks, ...], rng: Generator
) -> Request:
    upper, lower = (
        Looks(pick(SHAPES, rng), pick(COLOURS, rng) if rng.random() < 0.5 else None) for _ in range(2)
    )
    relation = pick(LAYERINGS, rng)
    layering = Link(relation, 0, 1)
    ordered = (lower, upper) if relation is SpatialRelation.BEHIND else (upper, lower)
    if relation.overlap is None or not can_overlap(relation.overlap, *ordered):
        raise ValueError(f"{upper} cannot be {relation} {lower}")
    groups = (Group(1, upper), Group(1, lower))
    if Constraint.DIRECTION in challenge:
        third = _some_group(rng)
        return _request(
            *groups, third, links=(layering, Link(pick(DIRECTIONS, rng), 2, int(rng.integers(2))))
        )
    return _request(*groups, links=(layering,), excluded=excluded)


def _textured(group: Group, rng: Generator) -> Group:
    kind = group.kind
    return Group(group.count, Looks(kind.shape, kind.colour, kind.texture or pick(TEXTURES, rng), kind.size))


_SAMPLERS: dict[Family, Callable[[Generator], Request]] = {
    Family.SINGLE: _single,
    Family.TWO: _two,
    Family.COUNTING: _counting,
    Family.COLORS: _colors,
    Family.POSITION: _position,
    Family.ATTRIBUTION: _attribution,
    Family.TEXTURE: _texture,
    Family.OVERLAP: _overlap,
    Family.COMPARISON: _comparison,
    Family.NEGATION: _negation,
    Family.COMPOUND: _compound,
}
