"""What a record has to fulfil by itself."""

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from irg.core.picture import Picture
from irg.curate.filters import Filter, FilterSettings, repetition
from irg.curate.records import Reflection, Relation, TraceRecord
from irg.curate.select import HASH


def picture(colour: str, side: int = 32) -> Picture:
    return Picture.of(Image.new("RGB", (side, side), colour))


GOOD = TraceRecord(
    "id",
    0,
    "a red cat",
    thought="I will draw a cat that is red.",
    image1=picture("blue"),
    image2=picture("red"),
    relation=Relation.BETTER,
    reflection=Reflection("The cat is blue.", "Paint it red.", "", "Better: a red cat."),
)


def only(record: TraceRecord, **settings: Any) -> TraceRecord:
    return Filter(FilterSettings(**settings)).run([record])[0]


def test_a_good_record_passes_with_its_hash_and_lengths() -> None:
    passed = only(GOOD)
    assert passed.rejected is None and len(passed.fingerprints[HASH]) == 320
    lengths = {"words of prompt": 3.0, "words of thought": 8.0, "words of reflection": 11.0}
    assert passed.scores == lengths


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"thought": "a cat"}, "thought too short"),
        ({"thought": "cat " * 40}, "thought too long"),
        ({"prompt": " ".join(["word"] * 31)}, "prompt too long"),
        ({"thought": "Ich zeichne eine Katze: красная кошка на траве."}, "thought in another script"),
        ({"thought": "As an AI I like to draw red cats."}, "thought holds what it may not"),
        ({"thought": "I will draw {prompt} as it is asked for."}, "thought holds what it may not"),
        ({"thought": "one red cat sits on a mat today " * 3}, "thought repeats itself"),
        ({"reflection": Reflection("The cat is all blue now.", "", "", " ")}, "reflection lacks a part"),
        (
            {"reflection": Reflection("I'm sorry, the cat is blue.", "", "", "Red.")},
            "reflection holds what it may not",
        ),
        ({"image1": picture("blue", 31)}, "picture too small"),
        ({"image1": Picture(b"no picture")}, "broken picture"),
        ({"image1": picture("red")}, "image 2 is image 1"),
    ],
)
def test_rejects_by_the_first_thing_wrong(changed: dict[str, Any], reason: str) -> None:
    settings = {"thought": (3, 30), "prompt": (1, 30)}
    found = only(replace(GOOD, **changed), **settings).rejected
    assert found is not None and (found.stage, found.reason) == ("filter", reason)


def test_pairs_with_nothing_wrong_may_be_the_same_picture() -> None:
    assert only(replace(GOOD, image1=picture("red"), relation=Relation.EQUAL)).rejected is None


def test_any_script_is_fine_where_none_is_asked_for() -> None:
    assert only(replace(GOOD, thought="красная кошка на траве"), script=None).rejected is None


def test_repetition_is_the_share_of_runs_that_came_before() -> None:
    assert repetition("a b c", length=2) == 0.0
    assert repetition("a b a b a b", length=2) == pytest.approx(3 / 5)
    assert repetition("a", length=2) == 0.0


@pytest.mark.parametrize(
    "wrong",
    [{"prompt": (5, 3)}, {"parts": ("nonsense",)}, {"forbidden": ("(",)}, {"script_share": 2}, {"x": 1}],
)
def test_refuses_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FilterSettings(**wrong)
