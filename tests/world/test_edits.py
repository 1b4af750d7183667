"""Random changes to a scene."""

import numpy as np
import pytest

from irg.world.edits import malform, perturb
from irg.world.flaws import FlawKind, compare
from irg.world.grammar import random_scene
from irg.world.reading import clear_reading


def test_perturbed_scenes_differ_in_one_or_two_ways_and_keep_the_rest():
    rng = np.random.default_rng(5)
    kinds = set()
    for _ in range(200):
        scene = random_scene(rng)
        perturbed = perturb(scene, rng)
        flaws = compare(clear_reading(perturbed), scene)
        assert 1 <= len(flaws) <= 2
        touched = {flaw.zone for flaw in flaws}
        assert all(thing in perturbed.objects for thing in scene.objects if thing.zone not in touched)
        kinds |= {flaw.kind for flaw in flaws}
    assert kinds == set(FlawKind) - {FlawKind.UNCLEAR}


def test_malformed_scenes_keep_their_content_and_all_but_one_or_two_objects():
    rng = np.random.default_rng(7)
    for _ in range(50):
        scene = random_scene(rng)
        malformed = malform(scene, rng)
        assert malformed.same_content(scene)
        changed = sum(a != b for a, b in zip(malformed.objects, scene.objects, strict=True))
        assert 1 <= changed <= 2
    with pytest.raises(ValueError, match="without a pose"):
        malform(scene.content, rng)
