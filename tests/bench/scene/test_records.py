import json
from dataclasses import replace
from pathlib import Path

from irg.bench.scene.records import BestOfTwo, PromptRecord
from irg.bench.scene.reflections import ReflectionCheck
from irg.bench.store import SeriesStore, as_line
from tests.bench.scene.made import records, result


def again(record: PromptRecord, folder: Path) -> PromptRecord:
    """The record as the next process finds it."""
    SeriesStore(folder, "model", {}, PromptRecord).add([record], {})
    return SeriesStore(folder, "model", {}, PromptRecord).records[record.key]


def test_a_record_is_one_line_and_comes_back(tmp_path: Path) -> None:
    record = records(1)[0]
    assert "\n" not in as_line(record)
    assert again(record, tmp_path) == record


def test_what_is_absent_stays_absent(tmp_path: Path) -> None:
    unread = ReflectionCheck((), None, "oracle", False)
    bare = replace(result(True), thought=None, check=None)
    record = replace(records(1)[0], results={"a": replace(bare, check=unread), "b": bare}, choice=None)
    found = again(record, tmp_path)
    assert found == record and found.results["a"].check == unread and found.results["b"].check is None
    assert set(json.loads(as_line(record))["results"]["b"]) == {"correct", "fidelity", "cost"}


def test_an_unreadable_reflection_in_a_choice_is_kept(tmp_path: Path) -> None:
    record = replace(records(1)[0], choice=BestOfTwo((None, 2), (-1.5, -0.25)))
    assert again(record, tmp_path).choice == record.choice
