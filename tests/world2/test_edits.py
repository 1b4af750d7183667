import pytest

from irg.world2.edits import Alteration, changed, malform, perturb, reference, sample_edit
from irg.world2.fulfil import random_scene
from irg.world2.reading import same_content
from irg.world2.scene import is_held_out
from tests.world2.builders import STAR_IN_SQUARE, rng, scene, thing


@pytest.mark.parametrize("change", Alteration)
def test_a_change_is_of_its_kind_and_keeps_the_rest(change):
    generator, num_found = rng(1), 0
    for _ in range(30):
        before = random_scene(generator)
        found = changed(before, change, generator)
        if found is None:
            continue
        num_found += 1
        after, old, new = found
        rest = set(before.objects) - {old}
        assert rest <= set(after.objects) and not is_held_out(after)
        assert (old is None) == (change is Alteration.EXTRA) and (new is None) == (
            change is Alteration.MISSING
        )
        if old and new and change is Alteration.PLACE:
            assert old.kind == new.kind and old.zone is not new.zone
        elif old and new:
            assert old.kind.differences(new.kind) == (change.value,) and old.zone is new.zone
    assert num_found > 15


def test_perturbed_scenes_differ_and_keep_most():
    generator = rng(2)
    for _ in range(40):
        before = random_scene(generator)
        after = perturb(before, generator)
        assert not same_content(before, after)
        assert len(set(before.objects) - set(after.objects)) <= 2


def test_layered_objects_keep_all_but_their_texture():
    generator = rng(3)
    for change in Alteration:
        found = changed(scene(*STAR_IN_SQUARE), change, generator)
        if change not in (Alteration.TEXTURE, Alteration.EXTRA, Alteration.MISSING):
            assert found is None


def test_malformed_objects_keep_their_looks_and_places():
    generator = rng(4)
    before = random_scene(generator)
    after = malform(before, generator)
    assert 1 <= sum(bool(one.pose.waves) for one in after.objects) <= 2
    assert [one.kind for one in after.objects] == [one.kind for one in before.objects]


def test_instructions_say_what_changes():
    generator = rng(5)
    starts = set()
    for _ in range(150):
        before = random_scene(generator)
        text, after = sample_edit(before, generator)
        starts.add(text.split()[0])
        assert not same_content(before, after)
    assert starts == {"add", "remove", "make", "turn", "move"}


def test_references_are_as_short_as_they_can_be():
    star, blue, small = thing("star", 20, 20), thing("blue star", 64, 20), thing("small star", 100, 20)
    assert reference(scene(star), star) == "the star"
    assert reference(scene(star, blue), star) == "the red star"
    assert reference(scene(star, small), star) == "the medium plain red star"
    assert reference(scene(star, thing("star", 64, 64)), star) == "the medium plain red star top-left"
