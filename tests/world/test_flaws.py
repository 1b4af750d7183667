"""How what was seen differs from what was wanted."""

from dataclasses import replace

from irg.world.flaws import Flaw, FlawKind, compare
from irg.world.reading import clear_reading
from irg.world.scene import Background, Colour, Scene, SceneObject, Shape, Size, Zone
from irg.world.sentences import parse_reflection, reflection

RED_CIRCLE = SceneObject(Shape.CIRCLE, Colour.RED, Size.LARGE, Zone.TOP_LEFT)
BLUE_STAR = SceneObject(Shape.STAR, Colour.BLUE, Size.SMALL, Zone.RIGHT)
TARGET = Scene((RED_CIRCLE, BLUE_STAR), Background.CREAM)


def seen(*objects: SceneObject, background: Background = Background.CREAM) -> Scene:
    return Scene(objects, background)


def test_an_unclear_object_is_only_that():
    picture = seen(RED_CIRCLE, replace(BLUE_STAR, shape=Shape.SQUARE, size=Size.LARGE))
    reading = clear_reading(picture)
    reading = replace(reading, objects=(reading.objects[0], replace(reading.objects[1], clear=False)))
    flaws = compare(reading, TARGET)
    assert flaws == (Flaw(FlawKind.UNCLEAR, Zone.RIGHT, BLUE_STAR, BLUE_STAR),)
    text = reflection(flaws, TARGET)
    assert text.startswith("The blue shape right is unclear: make it a clean star. Better:")
    assert parse_reflection(text) == (flaws, TARGET)


def test_flaws_come_in_reading_order_and_the_background_last():
    picture = seen(replace(BLUE_STAR, size=Size.LARGE), background=Background.SKY)
    kinds = [flaw.kind for flaw in compare(clear_reading(picture), TARGET)]
    assert kinds == [FlawKind.MISSING, FlawKind.SIZE, FlawKind.BACKGROUND]
