from dataclasses import replace

import pytest

from irg.world2.check import check, check_text
from irg.world2.check_parsing import parse_check
from irg.world2.edits import perturb
from irg.world2.families import Family
from irg.world2.fulfil import fulfil
from irg.world2.mend import mend
from irg.world2.reading import clear_reading
from irg.world2.sampling import sample_challenge, sample_request
from tests.world2.builders import asked, rng, scene, thing

TEXT = check_text(
    check(
        asked("two stars above a ring, nothing red"),
        clear_reading(scene(thing("star", 20, 20), thing("blue ring", 64, 64))),
        scene(thing("blue star", 20, 20), thing("blue star", 64, 20), thing("blue ring", 64, 64)),
    )
)


@pytest.mark.parametrize("family", [*Family, None])
def test_checks_read_back(family):
    generator = rng(2)
    for _ in range(12):
        request = sample_request(generator, family) if family else sample_challenge(generator)
        reading = clear_reading(perturb(fulfil(request, generator), generator))
        seen = replace(
            reading, objects=tuple(replace(one, clear=generator.random() < 0.8) for one in reading.objects)
        )
        found = check(request, seen, mend(request, seen.scene, generator, seen.unclear))
        assert parse_check(check_text(found)) == found


def test_the_example_reads_back():
    assert check_text(parse_check(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (".", ""),
        ("Seen: ", ""),
        ("Extra: nothing. ", ""),
        ("Better: ", "better: "),
        ("two: nothing, star: missing", "two: nothing, star: right"),
        ("star: color", "star: colour"),
        ("star: color", "star: ugly"),
        ("stars above ring", "stars above moon"),
        ("stars above ring", "stars near ring"),
        ("nothing red: one: wrong", "nothing red: zero: wrong"),
        ("two stars: one", "ten stars: one"),
        ("one: nothing", "three: nothing"),
    ],
)
def test_other_texts_are_refused(old, new):
    text = TEXT[: -len(old)] + new if old == "." else TEXT.replace(old, new)
    if text == TEXT:
        text = TEXT.replace("two: nothing", "three: nothing")
    with pytest.raises(ValueError):
        parse_check(text)
