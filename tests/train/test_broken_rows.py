"""Training over data of which one row in twenty is broken, in ten ways, in both formats."""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import Table, parquet

from irg.data.formats import Format
from irg.data.source import Fault, RowError
from irg.data.trace_rows import row_of, schema
from irg.train.settings import TrainRecipe
from irg.train.unified import train
from tests.data.broken import jpeg, picture, trace, write_broken
from tests.train.runs import batch, history, recipe, run

NUM_ROWS = 200


@dataclass(frozen=True)
class Broken:
    folder: Path
    form: Format
    reasons: dict[Fault, list[int]]
    """Which rows are broken, by their index in the whole."""

    @property
    def expected(self) -> Counter[tuple[str, int]]:
        return Counter((str(reason), index) for reason, rows in self.reasons.items() for index in rows)

    def index(self, file: str, row: int) -> int:
        """Of a row of a file: the second of the three files has one row only."""
        first = {"part-0": 0, "part-1": NUM_ROWS // 3, "part-2": NUM_ROWS // 3 + 1}
        return first[Path(file).stem] + row

    def recipe(self, start: Path, out: Path, **changes: Any) -> TrainRecipe:
        modes = {"improving_full": 1.0} if self.form is Format.TRACES else {}
        data = [{"path": str(self.folder), "modes": modes}]
        once = {"steps": None, "epochs": 1, "batch": batch(tokens=400), "dropout": {}}
        return recipe(start, self.folder, out, **{"data": data, **once, **changes})


@pytest.fixture(scope="module", params=[Format.TRACES, Format.CONVERSATION])
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    folder = tmp_path_factory.mktemp("broken") / "data"
    reasons = write_broken(folder, NUM_ROWS, np.random.default_rng(5), request.param)
    assert sum(map(len, reasons.values())) == len(reasons) == 10
    return Broken(folder, request.param, reasons)


def test_training_goes_on_and_counts_each_broken_row(
    broken: Broken, beginning: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = run(broken.recipe(beginning, tmp_path, workers=1))
    seen = Counter(chain.from_iterable(course.documents.values()))
    assert (len(seen), set(seen.values())) == (NUM_ROWS - 10, {1})
    records = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    found = Counter((one["reason"], broken.index(one["file"], one["row"])) for one in records)
    assert found == broken.expected
    told = " ".join(capsys.readouterr().err.split())
    for reason in broken.reasons:
        assert "rejected 1 rows of 0:" in told and f": {reason}" in told
    assert len(history(tmp_path)) == max(course.documents)


def test_a_run_that_goes_on_counts_each_broken_row_once(
    broken: Broken, beginning: Path, tmp_path: Path
) -> None:
    """Rows that show only while they are read, too, before and after it was stopped."""
    chosen = broken.recipe(beginning, tmp_path)
    assert run(chosen, stop_in=2).interrupted
    run(chosen, resume=True)
    records = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    found = Counter((one["reason"], broken.index(one["file"], one["row"])) for one in records)
    assert found == broken.expected


def test_a_strict_run_stops_at_the_first_with_file_row_and_cause(
    broken: Broken, beginning: Path, tmp_path: Path
) -> None:
    """Before it begins, where no pixels are needed to see it."""
    plain = {rows[0]: reason for reason, rows in broken.reasons.items() if reason is not Fault.BROKEN_IMAGE}
    first = min(plain)
    with pytest.raises(RowError) as caught:
        train(broken.recipe(beginning, tmp_path), strict=True)
    assert caught.value.reason is plain[first]
    assert broken.index(caught.value.file, caught.value.row) == first
    assert f"{caught.value.file}, row {caught.value.row}: {plain[first]}: " in str(caught.value)
    assert not (tmp_path / "metrics.jsonl").exists()


def with_a_broken_picture(folder: Path, row: int, count: int = 8) -> dict[str, Any]:
    """A data set in which a row has a picture that only reading shows to be broken."""
    random = np.random.default_rng(0)
    rows = [row_of(trace(index, random)) for index in range(count)]
    rows[row]["turns"][1]["image"] = {"bytes": jpeg(picture(random), 0.7), "path": None}
    folder.mkdir()
    parquet.write_table(Table.from_pylist(rows, schema=schema()), folder / "part.parquet")
    return {"path": str(folder), "modes": {"improving_full": 1.0}}


def test_a_strict_run_stops_where_it_meets_a_broken_picture(beginning: Path, tmp_path: Path) -> None:
    data = with_a_broken_picture(tmp_path / "data", row=5)
    chosen = recipe(beginning, tmp_path, tmp_path / "run", data=[data], batch={"documents": 1})
    with pytest.raises(RowError, match=r"part\.parquet, row 5: broken image: turns\[1\]\.image is a broken"):
        train(chosen, strict=True)
    assert len(history(tmp_path / "run")) < 8


def test_broken_rows_of_held_out_data_are_counted_too(beginning: Path, traces: Path, tmp_path: Path) -> None:
    """Each once, however often the run goes on; a strict one does not begin."""
    data = with_a_broken_picture(tmp_path / "data", row=0, count=4)
    held_out = {"data": [data], "steps": 2}
    chosen = recipe(beginning, traces, tmp_path / "run", evaluation=held_out, batch={"documents": 2}, steps=4)
    assert run(chosen, stop_in=1).interrupted
    run(chosen, resume=True)
    records = [json.loads(line) for line in (tmp_path / "run" / "rejected.jsonl").read_text().splitlines()]
    assert [(one["stream"][:12], one["row"], one["reason"]) for one in records] == [
        ("evaluation 0", 0, "broken image")
    ]
    with pytest.raises(RowError, match=r"part\.parquet, row 0: broken image"):
        train(chosen.model_copy(update={"out": tmp_path / "other"}), strict=True)
