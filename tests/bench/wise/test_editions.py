import json
import math
from typing import Any

import pytest

from irg.bench.wise.answers import LEGACY as PARTS
from irg.bench.wise.answers import UNREAD
from irg.bench.wise.editions import (
    LEGACY,
    PLAIN,
    VERIFIED,
    CategoryMeans,
    Edition,
    OfficialResult,
    official_result,
    wiscore,
)
from tests.bench.cases import Cases

CASES = Cases("wise_cases.json", "cases", "published")
OF_2026 = Cases("wise_verified.json", "aggregate", "published")
FILES = ("culture.jsonl", "space-time.jsonl", "science.jsonl")
_VALUES: dict[str, Any] = {"0": 0.0, "1": 1.0, "n": None, "2": 2.0, "h": 0.5, "s": "1", "t": True, "f": False}


def test_the_categories_of_either_edition_divide_a_thousand_ids() -> None:
    for edition in (LEGACY, VERIFIED):
        assert [number for category in edition.categories for number in category.ids] == list(edition.ids)
        assert edition.ids == range(1, 1001)
        assert sum(edition.weights.values()) == pytest.approx(1)
    assert (LEGACY.category_of(567), VERIFIED.category_of(567)) == ("time", "space")
    assert (LEGACY.category_of(0), LEGACY.category_of(1001)) == (None, None)


def close(found: CategoryMeans, expected: dict[str, list[float]]) -> None:
    assert {name.upper(): count for name, (_, count) in found.means.items()} == {
        name: count for name, (_, count) in expected.items()
    }
    for name, (mean, _) in expected.items():
        assert found.means[name.lower()][0] == pytest.approx(mean, abs=1e-9)


def test_runs_of_2025_come_to_the_official_numbers_and_to_bagel_s() -> None:
    for case in CASES["cases"]:
        lines = [
            json.dumps({"prompt_id": int(number)} | dict(zip(PARTS, scores, strict=True)))
            for number, scores in case["scores"].items()
        ]
        found = official_result([lines], LEGACY)
        official, bagel = case["wise_legacy"], case["bagel"].get("values")
        if official["overall"] is None:
            assert bagel is None
            assert found.missing == tuple(n for n in LEGACY.ids if str(n) not in case["scores"])
            assert found.overall is None
            continue
        assert found.overall == pytest.approx(official["overall"], abs=1e-9)
        for name, mean in official["category"].items():
            assert found.categories.means[name.lower()][0] == pytest.approx(mean, abs=1e-9)
        assert found.categories.combined(PLAIN) == pytest.approx(bagel["Overall"], abs=1e-9)


def test_published_rows_of_2025_follow_from_their_categories() -> None:
    for row in CASES["published"]:
        means = CategoryMeans({name: (mean, 1) for name, mean in zip(PLAIN, row["cat"], strict=True)})
        assert means.combined(PLAIN) == pytest.approx(row["plain_mean"])
        assert means.combined(LEGACY.weights) == pytest.approx(row["official_weighted"])


def lines_of(scores: str, extra: dict[str, list[str]]) -> dict[str, list[str]]:
    """The three files of official scores that a case describes by a character for each id."""
    files: dict[str, list[str]] = {name: [] for name in FILES}
    for number, character in enumerate(scores, start=1):
        name = FILES[0] if number <= 400 else FILES[1] if number <= 640 else FILES[2]
        if character != "-":
            value = math.nan if character == "N" else _VALUES[character]
            files[name].append(json.dumps({"prompt_id": number, "score": value}))
    for name, lines in extra.items():
        files[name] += lines
    return files


def test_runs_of_2026_come_to_the_official_numbers() -> None:
    for case in OF_2026["aggregate"]:
        files = lines_of(case["scores"], case.get("extra_lines", {}))
        named = [*case.get("files", FILES), *case.get("absent_files", [])]
        absent = set(case.get("absent_files", []))
        found = official_result(
            [None if name in absent else files[name] for name in named],
            VERIFIED,
            case.get("category", "all"),
        )
        expected = case["expected"]
        assert list(found.missing) == (expected["missing_ids"] or []), case["note"]
        assert (found.overall is None) == (expected["overall"] is None), case["note"]
        if found.overall is not None:
            assert found.overall == pytest.approx(expected["overall"], abs=1e-9), case["note"]
            assert f"{found.overall:.2f}" == expected["overall_printed"], case["note"]
        close(found.categories, expected["categories"])


def test_published_rows_of_2026_follow_from_their_categories() -> None:
    for row in OF_2026["published"]:
        means = CategoryMeans({name: (mean, 1) for name, mean in zip(PLAIN, row["cat"], strict=True)})
        combined = means.combined(VERIFIED.weights)
        assert combined is not None
        assert combined == pytest.approx(row["recomputed"], abs=1e-9)
        assert (abs(round(combined, 4) - row["overall"]) < 1e-4) == row["agrees_to_4_decimals"]


def rows(edition: Edition, without: int | None = None) -> list[str]:
    return [json.dumps({"prompt_id": number, "score": 1}) for number in edition.ids if number != without]


def test_an_id_without_a_row_leaves_no_number() -> None:
    assert official_result([rows(VERIFIED)], VERIFIED).overall == pytest.approx(1)
    assert official_result([rows(VERIFIED, without=641)], VERIFIED) == OfficialResult(
        CategoryMeans({}), None, (641,)
    )


def test_scores_are_not_checked_for_their_range_as_the_official_code_does_not() -> None:
    assert wiscore(dict.fromkeys(PARTS, UNREAD)) == pytest.approx(4.95)
    assert wiscore(dict(zip(PARTS, (2, 1, None), strict=True))) is None
