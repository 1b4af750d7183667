import pytest

from irg.world2.arrange import Wanted, arranged, can_stay
from irg.world2.matching import fulfils
from irg.world2.scene import Scene
from tests.world2.builders import STAR_IN_SQUARE, asked, kind, rng, scene, thing

STAR, RING = kind("medium plain red star"), kind("medium plain blue ring")


@pytest.mark.parametrize("relation", ["left of", "right of", "above", "below"])
def test_relations_hold_between_what_is_placed(relation):
    request = asked(f"three stars {relation} two rings")
    wanted = [Wanted(0, STAR)] * 3 + [Wanted(1, RING)] * 2
    for seed in range(10):
        things = arranged(request, wanted, rng(seed), num_tries=20)
        assert things is not None and fulfils(scene(*things), request)


def test_what_stays_stays_and_the_rest_is_placed_beside_it():
    request, star = asked("a star left of two rings"), thing("star", 70, 64)
    things = arranged(
        request, [Wanted(0, STAR, star), Wanted(1, RING), Wanted(1, RING)], rng(1), num_tries=30
    )
    assert things is not None and things[0] == star
    assert fulfils(Scene(things, scene().background), request)


def test_a_broken_relation_cannot_stay():
    request = asked("a star left of a ring")
    wanted = [Wanted(0, STAR, thing("star", 100, 64)), Wanted(1, RING, thing("ring", 20, 64))]
    assert not can_stay(request, wanted)
    assert arranged(request, wanted, rng(), num_tries=3) is None


def test_a_holder_is_slid_under_what_stays():
    request = asked("a star inside a square")
    star = STAR_IN_SQUARE[1]
    wanted = [Wanted(0, star.kind, star), Wanted(1, STAR_IN_SQUARE[0].kind)]
    things = arranged(request, wanted, rng(2), num_tries=5)
    assert things is not None and things[0] == star and fulfils(scene(*things), request)
