"""What was seen: the scene behind a reading, and what of it is in doubt."""

from dataclasses import replace

from irg.world.reading import ObjectReading, Reading, clear_reading
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Zone

STAR = SceneObject(Shape.STAR, Colour.BLUE, Size.SMALL, Zone.TOP, Pose(64, 21, 14, 0))
HEART = SceneObject(Shape.HEART, Colour.RED, Size.LARGE, Zone.TOP, Pose(60, 21, 19, 0))
CIRCLE = SceneObject(Shape.CIRCLE, Colour.RED, Size.LARGE, Zone.LEFT, Pose(21, 64, 19, 0))


def test_a_perfect_picture_is_clear() -> None:
    reading = clear_reading(Scene((STAR, CIRCLE), Background.MINT))
    assert reading.scene == Scene((STAR, CIRCLE), Background.MINT)
    assert reading.is_clean and reading.unclear_zones == ()


def test_of_several_objects_in_a_zone_the_scene_has_the_largest() -> None:
    for objects in ((STAR, HEART), (HEART, STAR)):
        reading = Reading(tuple(ObjectReading(one, True, 1.0) for one in objects), Background.SKY)
        assert reading.scene == Scene((HEART,), Background.SKY)
        assert reading.unclear_zones == (Zone.TOP,)


def test_an_unclear_object_or_a_problem_makes_a_picture_unclean() -> None:
    reading = clear_reading(Scene((STAR, CIRCLE), Background.SKY))
    doubted = replace(reading, objects=(reading.objects[0], replace(reading.objects[1], clear=False)))
    assert not doubted.is_clean and doubted.unclear_zones == (Zone.LEFT,)
    troubled = replace(reading, problems=("a blob spans zones",))
    assert not troubled.is_clean and troubled.unclear_zones == ()
