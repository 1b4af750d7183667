import pickle
from collections.abc import Iterator

from irg.core import Document
from irg.data.source import Fault, RowError, RowPlace, Sketching
from tests.data.memory import MemorySource, VirtualSource, episodes


def test_an_error_says_file_row_reason_and_detail() -> None:
    error = RowPlace("part-3.parquet", 7).error(Fault.EMPTY_TEXT, "thought is empty")
    assert str(error) == "part-3.parquet, row 7: empty text: thought is empty"
    assert isinstance(error, ValueError)
    assert error.as_json() == {
        "file": "part-3.parquet", "row": 7, "reason": "empty text", "detail": "thought is empty"
    }  # fmt: skip
    assert type(error.as_json()["reason"]) is str, "it is written as JSON"


def test_an_error_comes_out_of_another_process_as_it_was() -> None:
    error = RowError("file", 2, Fault.BAD_JSON, "no")
    received = pickle.loads(pickle.dumps(error))
    assert type(received) is RowError and received.reason is Fault.BAD_JSON
    assert received.as_json() == error.as_json() and str(received) == str(error)


def test_reasons_are_apart_in_reports() -> None:
    assert len({str(fault) for fault in Fault}) == len(Fault)
    assert all(Fault(str(fault)) is fault for fault in Fault)


def test_only_a_source_that_sketches_is_sketching() -> None:
    class Surveyed:
        def survey(self) -> Iterator[Document]:
            return iter(())

    assert isinstance(VirtualSource(episodes(1)), Sketching)
    assert not isinstance(MemorySource(episodes(1)), Sketching) and not isinstance(Surveyed(), Sketching)
