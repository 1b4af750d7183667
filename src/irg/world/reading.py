"""What the oracle saw in a picture."""

from dataclasses import dataclass

from irg.world.scene import Background, Scene, SceneObject, Zone


@dataclass(frozen=True)
class ObjectReading:
    """An object with its estimated pose; `score` is the overlap with the best-fitting clean shape.

    `clear` is whether that fit leaves no doubt. Of an unclear object, the shape is only a guess.
    """

    thing: SceneObject
    clear: bool
    score: float


@dataclass(frozen=True)
class Reading:
    """Everything seen, in reading order; `problems` says in words what does not belong in a clean picture.

    A zone may hold several objects here; in `scene` it holds its largest.
    """

    objects: tuple[ObjectReading, ...]
    background: Background
    problems: tuple[str, ...] = ()

    @property
    def scene(self) -> Scene:
        largest: dict[Zone, SceneObject] = {}
        for seen in self.objects:
            rival = largest.get(seen.thing.zone)
            if rival is None or _radius(seen.thing) > _radius(rival):
                largest[seen.thing.zone] = seen.thing
        return Scene(tuple(largest.values()), self.background)

    @property
    def unclear_zones(self) -> tuple[Zone, ...]:
        """Zones with an unclear object, or with more than one."""
        zones = [seen.thing.zone for seen in self.objects]
        doubtful = {seen.thing.zone for seen in self.objects if not seen.clear}
        doubtful |= {zone for zone in zones if zones.count(zone) > 1}
        return tuple(zone for zone in Zone if zone in doubtful)

    @property
    def is_clean(self) -> bool:
        return not self.problems and all(seen.clear for seen in self.objects)


def clear_reading(scene: Scene) -> Reading:
    """The reading of a perfect picture of the scene."""
    return Reading(tuple(ObjectReading(thing, True, 1.0) for thing in scene.objects), scene.background)


def _radius(thing: SceneObject) -> float:
    return thing.pose.radius if thing.pose else 0.0
