import pytest

from irg.world2.fulfil import random_scene
from irg.world2.inventory import (
    kind_words,
    parse_kind,
    parse_listed,
    parse_seen,
    posed,
    seen_text,
    take_inventory,
)
from irg.world2.reading import same_content
from tests.world2.builders import HEART_ON_CIRCLE, STAR_IN_SQUARE, kind, rng, scene, thing


def test_what_is_seen_is_spelt_so():
    star = thing("small striped red star", 20, 20)
    text = (
        "Seen: top-left small striped red star, center large plain blue square, "
        "center small plain red star inside blue square, sky."
    )
    assert seen_text(take_inventory(scene(star, *STAR_IN_SQUARE))) == text
    assert parse_seen(text) == take_inventory(scene(star, *STAR_IN_SQUARE))
    assert seen_text(take_inventory(scene())) == "Seen: nothing, sky."


def test_unclear_objects_and_what_is_in_front_are_said():
    circle, heart = HEART_ON_CIRCLE
    seen = scene(circle, heart)
    (behind, front) = take_inventory(seen, unclear=(circle,)).objects
    assert behind.text == "center unclear large plain green circle"
    assert front.text == "center medium plain pink heart in front of green circle"
    assert parse_listed(behind.text) == behind and parse_listed(front.text) == front


def test_random_scenes_read_back_from_words_and_can_be_posed_again():
    generator = rng(1)
    for _ in range(40):
        drawn = random_scene(generator)
        inventory = take_inventory(drawn)
        assert parse_seen(seen_text(inventory)) == inventory
    drawn = scene(*STAR_IN_SQUARE, thing("ring", 20, 20), thing("small heart", 110, 110))
    assert same_content(posed(take_inventory(drawn), generator), drawn)


def test_there_may_be_no_room_for_a_list():
    crowded = "Seen: " + ", ".join(["center large plain red star"] * 4) + ", sky."
    with pytest.raises(ValueError, match="no room"):
        posed(parse_seen(crowded), rng())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "top-left small striped red star, sky.",
        "Seen: top-left small striped red star, sky",
        "Seen: top-left small striped red star, beige.",
        "Seen: top-left small red star, sky.",
        "Seen: small striped red star top-left, sky.",
        "Seen: " + ", ".join(["top small plain red star"] * 10) + ", sky.",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError):
        parse_seen(text)


@pytest.mark.parametrize(
    "words", ["star", "small star", "striped red cross", "large dotted blue moon", "red object"]
)
def test_kinds_in_words(words):
    found = parse_kind(words)
    assert kind_words(found) == words and parse_kind(kind_words(found, plural=True)) == found
    assert parse_kind("small red stars") == kind("small red star")
    with pytest.raises(ValueError):
        parse_kind(f"red {words}s red")
