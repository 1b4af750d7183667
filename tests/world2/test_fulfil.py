import pytest

from irg.world2.families import Family
from irg.world2.fulfil import fulfil, random_scene, settlements
from irg.world2.grammar import handwritten_prompts
from irg.world2.matching import fulfils
from irg.world2.overlap import stackings
from irg.world2.request import requires_held_out
from irg.world2.sampling import sample_challenge, sample_request
from irg.world2.scene import MAX_OBJECTS, is_held_out, is_possible
from tests.world2.builders import asked, rng


@pytest.mark.parametrize("family", Family)
def test_fulfilling_scenes_are_exact_and_avoid_what_is_held_out(family):
    generator = rng(3)
    for _ in range(25):
        request = sample_request(generator, family)
        scene = fulfil(request, generator)
        assert fulfils(scene, request)
        assert all(is_possible(thing.kind) for thing in scene.objects)
        assert requires_held_out(request) or not is_held_out(scene)


def test_challenges_and_prompts_written_by_hand_can_be_fulfilled():
    generator = rng(4)
    requests = [sample_challenge(generator) for _ in range(25)]
    requests += [asked(prompt) for prompt in handwritten_prompts()]
    assert all(fulfils(fulfil(request, generator), request) for request in requests)


@pytest.mark.parametrize("prompt", ["nine moons", "four large squares", "four squares above five crosses"])
def test_full_pictures_are_found(prompt):
    assert fulfils(fulfil(asked(prompt), rng(5)), asked(prompt))


def test_open_counts_are_settled():
    found = settlements(asked("six squares and fewer stars than rings"))
    assert [[group.count for group in one.groups] for one in found] == [[6, 1, 2]]


def test_random_scenes_show_everything_and_avoid_what_is_held_out_unless_allowed():
    generator = rng(6)
    scenes = [random_scene(generator) for _ in range(300)]
    assert {len(scene.objects) for scene in scenes} == set(range(1, MAX_OBJECTS + 1))
    assert not any(map(is_held_out, scenes))
    assert any(is_held_out(random_scene(generator, allow_held_out=True)) for _ in range(30))


def test_the_share_of_overlaps_can_be_chosen():
    generator = rng(7)
    never = [random_scene(generator, overlap_share=0.0) for _ in range(40)]
    always = [random_scene(generator, overlap_share=1.0) for _ in range(40)]
    assert not any(stackings(scene.objects) for scene in never)
    assert sum(bool(stackings(scene.objects)) for scene in always) > 25
