"""What of a set is published: shares held out, fair samples, rows that cannot be read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from irg.data.sets import is_held_out
from irg.data.source import RowError
from irg.publish.extract import Extract
from tests.publish.small import ids, published, read, some, store


def test_prompts_are_held_out_by_their_words(tmp_path: Path) -> None:
    traces = some(60)
    traces.append(replace(traces[0], prompt=traces[0].prompt.upper() + " !", id="again"))
    done = published(store(tmp_path / "in", traces), tmp_path / "out", held_out=0.3)
    assert 5 < done.parts["held_out"] < 35
    for part in done.parts:
        for one in read(tmp_path / "out" / "data" / part):
            assert is_held_out(one.prompt, 0.3) is (part == "held_out")
            assert one.id != "again" or "id0" in {
                other.id for other in read(tmp_path / "out" / "data" / part)
            }
    assert "A share of 0.3 of all prompts" in (tmp_path / "out" / "README.md").read_text()


def test_extracts_are_as_large_as_they_may_be_and_nested(tmp_path: Path) -> None:
    source = store(tmp_path / "in", some(40))
    whole = published(source, tmp_path / "whole")
    half = published(source, tmp_path / "half", max_bytes=whole.num_bytes // 2)
    assert 0.8 * whole.num_bytes // 2 < half.num_bytes <= whole.num_bytes // 2
    few = published(source, tmp_path / "few", max_rows=3)
    assert few.parts == {"train": 3} and few.num_available == 40
    assert ids(tmp_path / "few") < ids(tmp_path / "half") < ids(tmp_path / "whole")
    assert "3 of 40 traces" in (tmp_path / "few" / "README.md").read_text()
    again = published(tmp_path / "whole", tmp_path / "again", max_rows=3)
    assert ids(tmp_path / "again") == ids(tmp_path / "few") and again.num_available == 40
    with pytest.raises(ValueError, match="too few for a trace"):
        published(source, tmp_path / "none", max_bytes=1000)


def test_a_row_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    source = store(tmp_path / "in", some(3))
    path = source / "traces-00000.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RowError, match="unreadable file"):
        published(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_one_id_is_one_trace(tmp_path: Path) -> None:
    for part in ("train", "held_out"):
        store(tmp_path / "in" / "data" / part, some(1))
    with pytest.raises(RowError, match="id0 comes twice"):
        published(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("wrong", [{"held_out": 1.0}, {"max_rows": 0}, {"max_bytes": -1}])
def test_extracts_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected at least"):
        Extract(**wrong)
