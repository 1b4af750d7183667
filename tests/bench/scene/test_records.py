import json
from dataclasses import replace

from irg.bench.scene.records import BestOfTwo, PromptRecord
from irg.bench.scene.reflections import ReflectionCheck
from tests.bench.scene.made import records, result


def test_a_record_is_one_line_and_comes_back() -> None:
    record = records(1)[0]
    line = record.as_line()
    assert "\n" not in line
    assert PromptRecord.from_line(line) == record


def test_what_is_absent_stays_absent() -> None:
    unread = ReflectionCheck((), None, "oracle", False)
    bare = replace(result(True), thought=None, check=None)
    record = replace(records(1)[0], results={"a": replace(bare, check=unread), "b": bare}, choice=None)
    again = PromptRecord.from_line(record.as_line())
    assert again == record and again.results["a"].check == unread and again.results["b"].check is None
    assert set(json.loads(record.as_line())["results"]["b"]) == {"correct", "fidelity", "cost"}


def test_an_unreadable_reflection_in_a_choice_is_kept() -> None:
    record = replace(records(1)[0], choice=BestOfTwo((None, 2), (-1.5, -0.25)))
    assert PromptRecord.from_line(record.as_line()).choice == record.choice
