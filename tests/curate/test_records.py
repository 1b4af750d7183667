"""Records as they are stored."""

import json
from dataclasses import fields, replace

import pytest
from PIL import Image

from irg.core.cost import Cost
from irg.core.picture import Picture, StoredPicture
from irg.core.trace import Verdict
from irg.curate.records import CODEC, PictureCheck, Reflection, Relation, TraceRecord
from irg.stages.records import StageStep

RED, BLUE = (Picture.of(Image.new("RGB", (8, 8), colour)) for colour in ("red", "blue"))
FULL = TraceRecord(
    id="abc",
    index=7,
    prompt='two "cats"',
    source="here",
    licence="CC0-1.0",
    thought="draw",
    candidates=(RED, BLUE),
    image1=RED,
    image2=BLUE,
    verdict1=Verdict(False, ("no cat",), {"cats": 0.25}),
    verdict2=Verdict(True),
    relation=Relation.BETTER,
    checks=(PictureCheck(1, "Cats?", False),),
    reflection=Reflection("a", "b", "", "d"),
    scores={"x": 0.1},
    fingerprints={"hash": "00ff"},
    modes=("initial_full",),
    notes={"note": [1, None]},
    steps=(StageStep("think", 1, "key", {"name": "m"}, {"t": "1"}, 2**59),),
    cost=Cost(2, 30, 40, 0.1),
).reject("judge", "worse", "much")


def test_a_record_is_the_same_after_being_stored() -> None:
    stored = json.loads(json.dumps(CODEC.as_json(FULL)))
    assert set(stored) == {field.name for field in fields(TraceRecord)}
    assert CODEC.from_json(stored, {RED.digest: RED, BLUE.digest: BLUE}.__getitem__) == FULL
    bare = TraceRecord("id", 0, "a cat")
    assert CODEC.from_json(json.loads(json.dumps(CODEC.as_json(bare))), {}.__getitem__) == bare


def test_pictures_may_stay_in_the_store() -> None:
    light = CODEC.from_json(CODEC.as_json(FULL), StoredPicture)
    assert light.image2 is not None and light.image2.digest == BLUE.digest
    assert CODEC.as_json(replace(light, candidates=FULL.candidates)) == CODEC.as_json(FULL)
    with pytest.raises(AssertionError, match="not loaded"):
        light.image2.open()


def test_the_parts_of_a_reflection_make_one_text() -> None:
    assert Reflection("a", "b", "", "d").text == "a b d"
