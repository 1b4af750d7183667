import pytest

pytest.importorskip("scipy", reason="the matching of words needs scipy, of the extra `bench`")

from irg.bench.tiif.lettering import global_distance, recall
from tests.bench.cases import Cases

CASES = Cases("tiif_parsers.json", "text")


def test_measures_are_the_official_ones() -> None:
    for case in CASES["text"]:
        assert global_distance(case["gt"], case["ocr"]) == pytest.approx(case["gned"], abs=1e-9), case
        assert recall(case["gt"], case["ocr"]) == pytest.approx(case["recall"], abs=1e-9), case


def test_nothing_expected_and_nothing_found_is_no_distance() -> None:
    assert global_distance([], []) == 0
    assert global_distance([], ["a"]) == global_distance(["a"], []) == 1
