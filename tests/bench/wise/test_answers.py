import pytest

from irg.bench.wise.answers import (
    LEGACY,
    UNREAD,
    bagel_scores,
    legacy_scores,
    verified_score,
    without_thoughts,
)
from tests.bench.cases import Cases

PARSERS = Cases("wise_parsers.json", "legacy_and_bagel", "verified_parser_only")
VERIFIED = Cases("wise_verified.json", "parser", "response_cleaning")


def test_scores_of_2025_are_read_as_the_official_code_and_bagel_s_read_them() -> None:
    for case in PARSERS["legacy_and_bagel"]:
        assert legacy_scores(case["text"]) == case["legacy"], case
        assert bagel_scores(case["text"]) == case["bagel"], case


def test_scores_of_2026_are_read_as_the_official_code_reads_them() -> None:
    for case in [*VERIFIED["parser"], *PARSERS["verified_parser_only"]]:
        expected = case["result"] if "result" in case else case["verified"]
        assert verified_score(case["text"]) == expected.get("score"), case


def test_an_answer_is_cleaned_before_it_is_read() -> None:
    for case in VERIFIED["response_cleaning"]:
        if case["content"] is None:
            continue  # no answer at all: the endpoint's matter, and a failed attempt there
        assert without_thoughts(case["content"]) == case["cleaned"], case
        assert verified_score(without_thoughts(case["content"])) == case["result"].get("score"), case


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("2\n\nwell, 1 or so\n1\n0\n0", (2, 1, 0)),
        ("Realism: 12", None),
        ("3\n1\n0", None),
    ],
)
def test_three_bare_lines_are_scores_only_where_none_is_named(
    text: str, scores: tuple[float, ...] | None
) -> None:
    found = legacy_scores(text)
    if scores is None:
        assert set(found) != set(LEGACY)
    else:
        assert tuple(found[name] for name in LEGACY) == scores


def test_what_bagel_s_script_does_not_read_is_marked() -> None:
    assert bagel_scores("no idea") == {name: UNREAD for name in LEGACY}
