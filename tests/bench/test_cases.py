import json
from pathlib import Path

import pytest

from tests.bench.cases import Cases, claimed_by, folder, unclaimed

TESTS = Path(__file__).parents[1]


def test_no_case_is_left_without_a_test() -> None:
    if not folder().is_dir():
        pytest.skip(f"there are no golden cases at {folder()}: set IRG_BENCH_CASES to their folder")
    assert unclaimed(folder(), claimed_by(TESTS)) == []


def test_claims_are_told_from_the_source(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text('A = Cases("one.json", "first")\nB = Cases("one.json", "second")')
    (tmp_path / "made.py").write_text('A = Cases("one.json", "third")')
    assert claimed_by(tmp_path) == {"one.json": {"first", "second"}}


def test_a_case_that_no_module_claims_is_found(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps({"info": "", "first": [], "second": []}))
    (tmp_path / "other.json").write_text(json.dumps({"info": "", "first": []}))
    assert unclaimed(tmp_path, {"one.json": {"first", "more"}}) == ["one.json: second", "other.json: first"]
    assert unclaimed(tmp_path, {"one.json": {"first", "second"}, "other.json": {"first"}}) == []


def test_cases_are_read_under_their_claim_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRG_BENCH_CASES", str(tmp_path))
    cases = Cases("one.json", "first", "gone")
    with pytest.raises(pytest.skip.Exception, match=r"no golden cases at .*one\.json"):
        cases["first"]
    (tmp_path / "one.json").write_text(json.dumps({"first": [1], "second": [2]}))
    assert cases["first"] == [1]
    with pytest.raises(pytest.skip.Exception, match="holds no cases of 'gone'"):
        cases["gone"]
    with pytest.raises(AssertionError, match="'second' is used but not claimed"):
        cases["second"]
