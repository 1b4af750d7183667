import numpy as np
import pytest

from irg.world.grammar import (
    COMBINATION_FAMILIES,
    Split,
    fulfil,
    is_held_out_text,
    random_scene,
    sample_prompt,
    sample_request,
)
from irg.world.request import Family, fulfils, requires_held_out
from irg.world.scene import Colour, SceneObject, Shape, Size, Zone, is_held_out
from irg.world.wording import parse


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("split", Split)
def test_splits(family, split):
    rng = np.random.default_rng(2)
    if split is Split.COMBINATIONS and family not in COMBINATION_FAMILIES:
        with pytest.raises(ValueError, match=family.value):
            sample_prompt(rng, family, split)
        return
    for _ in range(30):
        request, text = sample_prompt(rng, family, split)
        assert parse(text) == request
        assert requires_held_out(request) == (split is Split.COMBINATIONS)
        if split is not Split.COMBINATIONS:
            assert is_held_out_text(text) == (split is Split.HELD_OUT)
            assert not is_held_out(fulfil(request, rng))


def test_case_and_full_stop_do_not_change_a_texts_split():
    assert is_held_out_text("a red circle") == is_held_out_text("A red circle.")


@pytest.mark.parametrize("family", Family)
def test_fulfilling_scenes_are_exact(family):
    rng = np.random.default_rng(3)
    for _ in range(40):
        request = sample_request(rng, family)
        scene = fulfil(request, rng)
        assert fulfils(scene, request)
        assert all(thing.pose for thing in scene.objects)


def test_fulfilling_keeps_what_it_can():
    rng = np.random.default_rng(4)
    kept = fulfil(parse("a red circle"), rng).objects[0]
    stranger = SceneObject(
        Shape.HEART, Colour.RED, Size.SMALL, next(zone for zone in Zone if zone is not kept.zone)
    )
    scene = fulfil(parse("two red circles and a star"), rng, keep=(stranger, kept))
    assert kept in scene.objects and stranger not in scene.objects


def test_random_scenes_avoid_what_is_held_out_unless_allowed():
    rng = np.random.default_rng(6)
    assert not any(is_held_out(random_scene(rng)) for _ in range(300))
    assert any(is_held_out(random_scene(rng, allow_held_out=True)) for _ in range(100))
