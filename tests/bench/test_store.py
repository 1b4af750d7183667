import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from irg.bench.scene.records import PromptRecord
from irg.bench.store import Lightening, SeriesStore, StoredLine, all_kept
from irg.core.trace import png
from tests.bench.scene.made import records

HEADER = {"protocol": "p", "size": (1, 2)}


def test_what_is_added_is_there_for_the_next_process(tmp_path: Path) -> None:
    first, *rest = made = records(4, (0,))
    store = SeriesStore(tmp_path, "model", HEADER, PromptRecord)
    assert not store.has([made[0].key])
    store.add(rest, {"turn1-3": png(Image.new("RGB", (2, 2), "red"))})
    store.add([first], {})
    again = SeriesStore(tmp_path, "model", HEADER, PromptRecord)
    assert again.has(record.key for record in made) and [again.records[record.key] for record in made] == made
    assert again.picture("turn1-3").getpixel((0, 0)) == (255, 0, 0)
    assert again.path.read_text().count("\n") == 1 + len(made)


def test_another_checkpoints_records_are_apart_and_another_runs_refused(tmp_path: Path) -> None:
    SeriesStore(tmp_path, "model", HEADER, PromptRecord).add(records(2, (0,)), {})
    assert not SeriesStore(tmp_path, "base", HEADER, PromptRecord).records
    with pytest.raises(ValueError, match=r"model.jsonl is of another run \(protocol differ\)"):
        SeriesStore(tmp_path, "model", HEADER | {"protocol": "q"}, PromptRecord)


def test_a_line_that_a_killed_process_left_half_written_is_written_again(tmp_path: Path) -> None:
    first, second = records(2, (0,))[:2]
    store = SeriesStore(tmp_path, "model", HEADER, PromptRecord)
    store.add([first], {})
    store.add([second], {})
    whole = store.path.read_bytes()
    for cut in (5, len(whole) - 1, whole.index(b"\n") + 20):
        store.path.write_bytes(whole[:cut])
        again = SeriesStore(tmp_path, "model", HEADER, PromptRecord)
        assert len(again.records) == (cut == len(whole) - 1)
        again.add([record for record in (first, second) if not again.has([record.key])], {})
        assert store.path.read_bytes() == whole


def test_the_last_record_of_a_key_holds(tmp_path: Path) -> None:
    record = records(1, (0,))[0]
    store = SeriesStore(tmp_path, "model", HEADER, PromptRecord)
    store.add([record], {})
    store.add([replace(record, prompt="another")], {})
    (found,) = SeriesStore(tmp_path, "model", HEADER, PromptRecord).records.values()
    assert found.prompt == "another"


def test_processes_add_to_files_of_their_own_and_find_everything(tmp_path: Path) -> None:
    made = records(3, (0,))[:3]
    for process, record in enumerate(made):
        SeriesStore(tmp_path, "model", HEADER, PromptRecord, process).add([record], {})
    assert (tmp_path / "process2" / "model.jsonl").is_file()
    for process in range(3):
        found = SeriesStore(tmp_path, "model", HEADER, PromptRecord, process)
        assert list(found.records.values()) == made
    with pytest.raises(ValueError, match="of another run"):
        SeriesStore(tmp_path, "model", {}, PromptRecord)


def test_a_line_that_is_no_record_is_told_by_its_number(tmp_path: Path) -> None:
    store = SeriesStore(tmp_path, "model", HEADER, PromptRecord)
    store.add(records(1, (0,)), {})
    store.path.write_bytes(store.path.read_bytes() + b'{"prompt": 3}\n')
    with pytest.raises(ValueError, match=r"model.jsonl, line \d: no record of model"):
        SeriesStore(tmp_path, "model", HEADER, PromptRecord)


def test_of_large_records_what_is_kept_is_light_and_the_rest_is_read_again(tmp_path: Path) -> None:
    again: dict[Any, StoredLine] = {}

    def lighten(record: PromptRecord, line: StoredLine) -> PromptRecord:
        again[record.key] = line
        return replace(record, prompt="")

    light = Lightening(PromptRecord, lighten)

    made = records(4, (0,))
    for some in (made[:1], made[1:]):  # those that are added to a new file, and to one that is there
        store = SeriesStore(tmp_path, "model", HEADER, PromptRecord, light=light)
        store.add(some, {})
        assert {record.prompt for record in store.records.values()} == {""}
    for _ in range(2):  # as they were added, and as another process finds them
        assert [again[record.key].read()["prompt"] for record in made] == [record.prompt for record in made]
        SeriesStore(tmp_path, "model", HEADER, PromptRecord, light=light)


def test_no_name_of_a_picture_leads_out_of_the_run(tmp_path: Path) -> None:
    store = SeriesStore(tmp_path, "ours", {"version": 1}, PromptRecord)
    with pytest.raises(ValueError, match="lies outside of this folder"):
        store.path_of("/../../mine")
    with pytest.raises(ValueError, match="lies outside of this folder"):
        SeriesStore(tmp_path, "../ours", {"version": 1}, PromptRecord)


@pytest.mark.parametrize("line", ["5", "{", '"' * 3])
def test_a_first_line_that_says_nothing_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "ours.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=r"ours\.jsonl, line 1"):
        SeriesStore(tmp_path, "ours", {"version": 1}, PromptRecord)


def test_garbage_is_looked_for_again_whatever_happens() -> None:
    with pytest.raises(ValueError, match="x"), all_kept(), all_kept():
        assert not gc.isenabled()
        raise ValueError("x")
    assert gc.isenabled()
