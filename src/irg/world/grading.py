"""How much of a request a picture fulfils, as one number that also tells almost right from quite wrong.

`judging` says whether a picture is right; learning from rewards needs to know which of two wrong ones is the
better. Half-right is never worth more than half of right.
"""

from collections.abc import Iterator, Sequence

from irg.world.judging import judge
from irg.world.oracle import MIN_OVERLAP
from irg.world.reading import ObjectReading, Reading
from irg.world.request import Group, Request, ways

_PRESENT, _COLOUR, _SHAPE = 0.4, 0.3, 0.3
"""What parts of an object count: that it is there, and that it looks as asked."""
_UNCLEAR = 0.9
"""Of a clear object, at most, what one counts that is not clear, however near it is to it."""


def grade(request: Request, reading: Reading) -> float:
    """1 for what `judge` finds nothing wrong with, else half of the share of what was asked that is there.

    Objects beyond those asked for, and whatever spoils the picture, count like objects that are not there; a
    relation counts as one object. An object that is not clear counts by how near its shape comes to being it.
    """
    if not judge(request, reading):
        return 1.0
    wanted = [group for group in request.groups for _ in range(group.count)]
    fulfilled = sum(_fulfilled(wanted, reading.objects))
    parts = max(len(wanted), len(reading.objects)) + len(reading.problems)
    if request.direction is not None:
        objects = tuple(seen.thing for seen in reading.objects)
        fulfilled += next(ways(request, objects), None) is not None
        parts += 1
    return 0.5 * fulfilled / parts


def _fulfilled(wanted: Sequence[Group], seen: Sequence[ObjectReading]) -> Iterator[float]:
    """Of each object that is there for one that is wanted, how much it is that; the best pairs first."""
    pairs = sorted(
        (
            (_likeness(group, one), row, column)
            for row, group in enumerate(wanted)
            for column, one in enumerate(seen)
        ),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    rows: set[int] = set()
    columns: set[int] = set()
    for likeness, row, column in pairs:
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            yield likeness


def _likeness(group: Group, seen: ObjectReading) -> float:
    thing = seen.thing
    clarity = 1.0 if seen.clear else _UNCLEAR * min(seen.score / MIN_OVERLAP, 1.0)
    looks = _COLOUR * (group.colour in (None, thing.colour))
    shaped = _SHAPE * (thing.shape is group.shape) * (group.size in (None, thing.size))
    return _PRESENT + looks + shaped * clarity
