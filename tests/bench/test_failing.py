import pytest

from irg.bench.failing import failed_row, found_or_failed
from irg.bench.protocol import EvidenceRow, Status


def test_what_is_found_is_a_row() -> None:
    assert found_or_failed(2, "size", lambda: {"size": 3}) == EvidenceRow(2, "size", {"size": 3})


def test_what_a_model_cannot_do_is_a_row_that_says_so() -> None:
    def find() -> dict:
        raise RuntimeError("out of memory" * 100)

    row = found_or_failed(None, "size", find)
    assert (row.picture, row.question, row.status) == (None, "size", Status.JUDGE_ERROR)
    assert row.fault == "judge error: RuntimeError" and len(row.evidence["detail"]) == 300
    assert failed_row(0, "size", "gone", "").fault == "judge error: gone"


def test_a_mistake_of_ours_is_none_of_the_pictures() -> None:
    with pytest.raises(KeyError):
        found_or_failed(0, "size", lambda: {}["size"])
