from math import log
from pathlib import Path

import pytest

from irg.bench.genai.summary import LIKELIHOODS, summarise
from irg.bench.protocol import EvidenceRow, Hearing, Status
from tests.bench.genai.samples import items


def hearing(item: str, *chances: float) -> Hearing:
    row = EvidenceRow(0, LIKELIHOODS, {"logs": [log(chance) for chance in chances]})
    return Hearing(item, 1, {0: ""}, {}, (row,))


def test_a_score_is_the_geometric_mean_and_counts_for_its_skills(tmp_path: Path) -> None:
    some = items(tmp_path)
    heard = {
        "00000": hearing("00000", 0.9, 0.4),
        "00001": hearing("00001", 0.5, 0.5),
        "00002": hearing("00002", 1.0, 0.04),
        "00003": hearing("00003", 1.0, 1.0),
    }
    summary = summarise(some, heard)
    assert summary.headline.value == pytest.approx((0.6 + 0.5 + 0.2) / 3)
    assert (summary.headline.counted, summary.headline.expected) == (3, 3) and summary.is_complete
    values = {figure.name: figure.value for figure in summary.figures if figure.value is not None}
    assert values == pytest.approx(
        {
            "basic": 0.55,
            "attribute": 0.6,
            "scene": 0.55,
            "advanced": 0.2,
            "negation": 0.2,
            "basic, standard deviation": 0.05 * 2**0.5,
            "all, standard deviation": 0.2081666,
        }
    )
    assert summary.weights == pytest.approx({"basic": 2 / 3, "advanced": 1 / 3})
    total = sum(
        weight
        * sum(one.value for one in summary.samples if one.category == group)
        / sum(one.category == group for one in summary.samples)
        for group, weight in summary.weights.items()
    )
    assert total == pytest.approx(summary.headline.value)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    some = items(tmp_path)
    failed = Hearing("00001", 1, {0: ""}, {}, (EvidenceRow(0, LIKELIHOODS, {}, Status.JUDGE_ERROR),))
    summary = summarise(some, {"00000": hearing("00000", 0.25, 0.25), "00001": failed})
    assert summary.headline.value == 0.25 and (summary.headline.counted, summary.headline.expected) == (1, 3)
    assert summary.missing == {"judge error": 1, "no picture": 2}
    assert summarise(some, {}).headline.value is None
