"""What a published set is counted to hold, beside the same counts made one by one."""

from collections import Counter
from dataclasses import replace

from PIL import Image

from irg.core.trace import Trace, Turn, Verdict
from irg.data.shards import bytes_of
from irg.publish.inventory import Inventory, SetPart

ROW = {"id": "a", "prompt": "two cats", "images": [b"1234"]}


def turn(thought: str | None, side: int, correct: bool | None = None) -> Turn:
    verdict = None if correct is None else Verdict(correct)
    return Turn(thought, Image.new("RGB", (side, 8)), verdict)


def trace(*turns: Turn, **provenance: object) -> Trace:
    return Trace("two cats", turns, 0, provenance=provenance)


def counted(*traces: Trace) -> Inventory:
    found = Inventory()
    for one in traces:
        found.add("train", ROW, one, ("direct",))
    return found


def test_rows_and_their_modes_are_counted_by_part() -> None:
    found, one = Inventory(num_available=9), trace(turn("a", 8))
    found.add("train", ROW, one, ("direct", "edit"))
    found.add("train", ROW | {"prompt": "a longer one"}, one, ("direct",))
    found.add("held_out", ROW, one, ())
    size = bytes_of(ROW)
    assert found.parts == {
        "train": SetPart(2, 2 * size + len("a longer one") - len("two cats"), Counter(direct=2, edit=1)),
        "held_out": SetPart(1, size),
    }
    assert (found.rows, found.num_available, list(found.parts)) == (3, 9, ["train", "held_out"])


def test_turns_are_counted_by_their_number() -> None:
    traces = [
        trace(turn("draw two  cats", 8, False), turn("one more", 16, True)),
        trace(turn("draw them", 8, True), turn("as they are", 8, True), turn("done", 8)),
        trace(turn(None, 24)),
        trace(turn("", 8, False)),
    ]
    found = counted(*traces)
    turns = [(number, one) for each in traces for number, one in enumerate(each.turns, start=1)]
    assert found.sizes == Counter(one.image.size for _, one in turns) == {(8, 8): 5, (16, 8): 1, (24, 8): 1}
    words = Counter(
        (number, len((one.thought or "").split())) for number, one in turns if one.thought is not None
    )
    assert {(n, length): count for n, by in found.words.items() for length, count in by.items()} == words
    assert found.words == {1: {3: 1, 2: 1, 0: 1}, 2: {2: 1, 3: 1}, 3: {1: 1}}
    assert (found.judged, found.right) == (Counter({1: 3, 2: 2}), Counter({1: 1, 2: 2}))


def test_licences_sources_and_makers_come_from_the_provenance() -> None:
    stages = [
        {"stage": "draw", "version": 2, "model": {"name": "painter"}},
        {"stage": "judge", "version": 1, "model": {}},
    ]
    found = counted(
        trace(turn("a", 8), licence="MIT", source="here", relation="better", stages=stages),
        trace(turn("a", 8), licence="MIT", source="there", stages=stages[:1]),
        trace(turn("a", 8)),
    )
    assert found.licences == {"MIT": 2, "": 1} and found.sources == {"here": 1, "there": 1, "": 1}
    assert found.relations == {"better": 1}
    assert list(found.makers.items()) == [(("draw", 2, "painter"), 2), (("judge", 1, ""), 1)]


def test_a_provenance_may_be_anything() -> None:
    strange = [
        {"licence": 3, "source": ["x"], "relation": None, "stages": "draw"},
        {"stages": ["draw", {"version": 1}, {"stage": "look", "model": "m"}]},
    ]
    found = counted(*(replace(trace(turn("a", 8)), provenance=one) for one in strange))
    assert found.licences == found.sources == {"": 2} and not found.relations
    assert found.makers == {("look", 0, ""): 1}
