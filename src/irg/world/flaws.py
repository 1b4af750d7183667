"""Flaws: how what was seen differs from what was wanted, zone by zone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from irg.world.reading import Reading
from irg.world.scene import Background, Scene, SceneObject, Zone


class FlawKind(StrEnum):
    COLOUR = "colour"
    SHAPE = "shape"
    SIZE = "size"
    MISSING = "missing"
    EXTRA = "extra"
    UNCLEAR = "unclear"
    BACKGROUND = "background"


@dataclass(frozen=True)
class Flaw:
    """One thing to change. Objects carry no pose; `background` is the wrong one that was seen.

    Of an unclear object only the colour and the zone are known: its shape and size are the wanted ones.
    """

    kind: FlawKind
    zone: Zone | None = None
    seen: SceneObject | None = None
    wanted: SceneObject | None = None
    background: Background | None = None


def compare(reading: Reading, wanted: Scene) -> tuple[Flaw, ...]:
    """What is wrong in a picture, zone by zone in reading order, the background last."""
    seen, unclear = reading.scene.content, reading.unclear_zones
    flaws: list[Flaw] = []
    for zone in Zone:
        flaws += _flaws_in(zone, seen.at(zone), wanted.content.at(zone), zone in unclear)
    if reading.background is not wanted.background:
        flaws.append(Flaw(FlawKind.BACKGROUND, background=reading.background))
    return tuple(flaws)


def _flaws_in(
    zone: Zone, seen: SceneObject | None, wanted: SceneObject | None, unclear: bool
) -> Iterator[Flaw]:
    if seen is None:
        if wanted is not None:
            yield Flaw(FlawKind.MISSING, zone, None, wanted)
    elif wanted is None:
        yield Flaw(FlawKind.EXTRA, zone, seen, None)
    elif unclear:
        yield Flaw(FlawKind.UNCLEAR, zone, replace(wanted, colour=seen.colour), wanted)
    else:
        if seen.colour is not wanted.colour:
            yield Flaw(FlawKind.COLOUR, zone, seen, wanted)
        if seen.shape is not wanted.shape:
            yield Flaw(FlawKind.SHAPE, zone, seen, wanted)
        if seen.size is not wanted.size:
            yield Flaw(FlawKind.SIZE, zone, seen, wanted)
