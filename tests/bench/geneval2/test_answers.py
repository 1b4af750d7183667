from math import isnan, nan

import pytest

from irg.bench.geneval2.answers import (
    ATOMICITIES,
    NUMBERS,
    accepted,
    arithmetic,
    geometric,
    matches,
)
from tests.bench.cases import Cases

CASES = Cases("geneval2.json", "numbers", "accepted", "tifa_match", "per_prompt")


def test_golden_words() -> None:
    for word, digits in CASES["numbers"].items():
        assert NUMBERS.get(word, "other") == digits
    for case in CASES["accepted"]:
        assert list(accepted(case["question"], case["answer"])) == case["accepted"], case
    for case in CASES["tifa_match"]:
        assert matches(case["prediction"], case["question"], case["answer"]) == bool(case["score"]), case


def test_golden_means_of_a_prompt() -> None:
    for case in CASES["per_prompt"]:
        scores = [float(score) for score in case["scores"]]
        if not scores:
            for mean in (arithmetic, geometric):
                with pytest.raises(ValueError, match="without questions"):
                    mean(scores)
            continue
        assert arithmetic(scores) == pytest.approx(float(case["am"]), rel=1e-12, nan_ok=True), case
        assert geometric(scores) == pytest.approx(float(case["gm"]), rel=1e-12, nan_ok=True), case


def test_a_zero_is_no_better_for_what_is_beside_it() -> None:
    assert geometric([1.0, 0.0, 1.0]) == 0
    assert geometric([0.25, 1.0]) == pytest.approx(0.5)
    assert arithmetic([0.25, 1.0]) == 0.625


def test_what_is_no_number_stays_none() -> None:
    assert ATOMICITIES == (3, 4, 5, 6, 7, 8, 9, 10)
    assert isnan(geometric([nan, 1.0])) and isnan(arithmetic([nan, 1.0]))
