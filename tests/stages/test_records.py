"""Records as they are kept: JSON of whatever fields a job gives them, with pictures by their digests."""

import json
from dataclasses import dataclass, fields
from enum import StrEnum

import pytest
from PIL import Image

from irg.core.cost import Cost
from irg.core.picture import Picture, StoredPicture
from irg.stages.records import Codec, Reject, StageStep

RED, BLUE = (Picture.of(Image.new("RGB", (2, 2), colour)) for colour in ("red", "blue"))


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Bet:
    """A record of some job."""

    id: str
    index: int
    side: Side | None = None
    odds: tuple[float, ...] = ()
    shown: Picture | None = None
    others: tuple[Picture, ...] = ()
    steps: tuple[StageStep, ...] = ()
    cost: Cost = Cost()  # noqa: RUF009
    rejected: Reject | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return self.others if self.shown is None else (self.shown, *self.others)


CODEC = Codec(Bet, frozenset({"busy"}))
BARE = Bet("a", 0)
FULL = Bet(
    "b",
    1,
    Side.RIGHT,
    (0.1, 2.0),
    RED,
    (BLUE, RED),
    (StageStep("look", 2, "key", {"name": "m"}, {"ask": "0f"}, 2**59), StageStep("bet", 1, "b")),
    Cost(2, 30, 40, 0.1),
    Reject("bet", "busy", "at the time"),
)


@pytest.mark.parametrize("record", [BARE, FULL])
def test_a_record_comes_back_as_it_was(record: Bet) -> None:
    stored = json.loads(json.dumps(CODEC.as_json(record)))
    assert list(stored) == [field.name for field in fields(Bet)]
    assert CODEC.from_json(stored, {RED.digest: RED, BLUE.digest: BLUE}.__getitem__) == record


def test_pictures_are_their_digests() -> None:
    stored = CODEC.as_json(FULL)
    assert (stored["shown"], stored["others"]) == (RED.digest, [BLUE.digest, RED.digest])
    asked: list[str] = []

    def find(digest: str) -> Picture:
        asked.append(digest)
        return StoredPicture(digest)

    left = CODEC.from_json(stored, find)
    assert sorted(asked) == sorted([RED.digest, BLUE.digest, RED.digest])
    assert CODEC.as_json(left) == stored


def test_steps_and_rejects_are_as_they_are_documented() -> None:
    stored = CODEC.as_json(FULL)
    assert stored["steps"][1] == {
        "stage": "bet",
        "version": 1,
        "key": "b",
        "model": {},
        "templates": {},
        "seed": 0,
    }
    assert stored["rejected"] == {"stage": "bet", "reason": "busy", "detail": "at the time"}
    assert stored["side"] == "right" and CODEC.as_json(BARE)["rejected"] is None


@pytest.mark.parametrize(
    ("name", "value"), [("side", "middle"), ("index", "first"), ("odds", "high"), ("steps", [{}])]
)
def test_what_is_no_record_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{name}"):
        CODEC.from_json(CODEC.as_json(BARE) | {name: value}, StoredPicture)
