from dataclasses import replace

from irg.world2.reading import ObjectReading, Reading, clear_reading, same_content
from irg.world2.scene import Background
from tests.world2.builders import HEART_ON_CIRCLE, scene, thing


def test_content_is_what_words_can_say():
    circle, heart = HEART_ON_CIRCLE
    first = scene(circle, heart)
    shifted = replace(heart, pose=replace(heart.pose, y=heart.pose.y + 2))
    assert same_content(first, scene(circle, shifted))
    assert not same_content(first, scene(circle, replace(heart, pose=replace(heart.pose, x=110, y=20))))
    assert not same_content(first, scene(circle, thing("medium orange heart", 82, 64, layer=1)))


def test_what_is_in_front_is_content():
    circle, heart = HEART_ON_CIRCLE
    behind = replace(heart, pose=replace(heart.pose, layer=-1))
    assert not same_content(scene(circle, heart), scene(circle, behind))


def test_the_background_counts_unless_it_is_ignored():
    first, second = scene(*HEART_ON_CIRCLE), scene(*HEART_ON_CIRCLE, background=Background.ROSE)
    assert not same_content(first, second)
    assert same_content(first, second, ignore_background=True)


def test_a_reading_is_in_reading_order_and_clean_if_all_is_clear():
    last, first = thing("star", 100, 100), thing("ring", 20, 20)
    reading = Reading((ObjectReading(last, False, 0.7), ObjectReading(first, True, 0.9)), Background.SKY)
    assert reading.scene.objects == (first, last)
    assert not reading.is_clean and reading.unclear == (last,)
    assert clear_reading(reading.scene).is_clean
    assert not replace(clear_reading(reading.scene), problems=("something",)).is_clean
