import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from rich.console import Console

from irg.data.source import Fault, RowError
from irg.data.streams import Rejected
from irg.run.parallel import Layout
from irg.run.rejections import FILE, Rejections

ALONE = Layout(0, 1, torch.device("cpu"))


def rejected(row: int, reason: Fault = Fault.BROKEN_IMAGE) -> Rejected:
    return Rejected("0:data:direct", RowError("part.parquet", row, reason, "so it is"))


def rows(folder: Path) -> list[tuple[int, int]]:
    """Step and row of what is written down."""
    records = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
    return [(record["step"], record["row"]) for record in records]


def test_what_is_known_and_what_is_met_is_written_and_counted(tmp_path: Path) -> None:
    log = Rejections(tmp_path, ALONE)
    log.begin([rejected(3, Fault.BAD_JSON)], 0)
    log.add([rejected(5), rejected(6)], 2)
    log.add([], 3)
    assert rows(tmp_path) == [(0, 3), (2, 5), (2, 6)]
    first = json.loads((tmp_path / FILE).read_text().splitlines()[0])
    assert (first["file"], first["reason"], first["detail"]) == ("part.parquet", "bad JSON", "so it is")
    console = Console(record=True, width=200, quiet=False)
    with console.capture() as shown:
        counts = log.report(console)
    assert counts == Counter({("0:data:direct", Fault.BROKEN_IMAGE): 2, ("0:data:direct", Fault.BAD_JSON): 1})
    assert "rejected 2 rows of 0:data:direct: broken image" in shown.get()
    assert f"{tmp_path}/rejected*.jsonl" in shown.get().replace("\n", "")


def test_a_run_that_goes_on_forgets_what_it_is_about_to_meet_again(tmp_path: Path) -> None:
    first = Rejections(tmp_path, ALONE)
    first.begin([rejected(3)], 0)
    first.add([rejected(5)], 2)
    first.add([rejected(6)], 4)
    again = Rejections(tmp_path, ALONE)
    again.begin([rejected(3)], 3)
    assert rows(tmp_path) == [(0, 3), (2, 5)]
    assert sum(again.counts.values()) == 2


def test_what_processes_met_that_are_no_longer_there_is_kept(tmp_path: Path) -> None:
    """Also where a process was killed while it wrote, or after the files were gathered, before they went."""
    Rejections(tmp_path, ALONE).begin([rejected(3)], 0)
    for rank in (1, 2):
        log = Rejections(tmp_path, Layout(rank, 3, torch.device("cpu")))
        log.add([rejected(10 + rank)], 1)
        log.add([rejected(20 + rank)], 7)
    half = tmp_path / "rejected.rank-2.jsonl"
    half.write_text(half.read_text() + '{"step": 1, "str')
    gathered = half.read_bytes()
    for _ in range(2):
        again = Rejections(tmp_path, ALONE)
        again.begin([rejected(3)], 5)
        assert rows(tmp_path) == [(0, 3), (1, 11), (1, 12)]
        assert sum(again.counts.values()) == 3
        assert [path.name for path in tmp_path.iterdir()] == [FILE]
        half.write_bytes(gathered)


def test_a_run_goes_on_after_a_file_of_any_name(tmp_path: Path) -> None:
    for name in ("a\u2028b.png", "a\x85b.png", "\udcff.png", "\u00e9.png"):
        log = Rejections(tmp_path, ALONE)
        log.begin([], 0)
        log.add([Rejected("0:direct", RowError(name, 7, Fault.UNREADABLE, name))], 2)
        again = Rejections(tmp_path, ALONE)
        again.begin([], 2)
        assert again.counts == Counter({("0:direct", Fault.UNREADABLE): 1})


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"step": 1\n{"step": 2}\n')
    with pytest.raises(ValueError, match=r"rejected\.jsonl, line 1 is not valid JSON"):
        Rejections(tmp_path, ALONE).begin([], 5)
