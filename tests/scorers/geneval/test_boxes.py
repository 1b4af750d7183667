import pytest

from irg.scorers.geneval.boxes import overlap, relations
from tests.bench.cases import Cases

GEOMETRY = Cases("geneval_geometry.json", "cases")


def test_golden_relations_and_overlaps() -> None:
    cases = GEOMETRY["cases"]
    assert len(cases) > 100
    for case in cases:
        found = relations(case["a"], case["b"], case["position_threshold"])
        assert sorted(found) == sorted(case["relations"]), case
        assert overlap(case["a"], case["b"]) == pytest.approx(case["iou"], abs=1e-6), case


def test_sides_are_told_beyond_the_slack_alone() -> None:
    middle = (10.0, 10.0, 20.0, 20.0)
    assert relations((0.0, 10.0, 10.0, 20.0), middle, 0.1) == ["left of"]
    assert relations((20.0, 20.0, 30.0, 30.0), middle, 0.1) == ["right of", "below"]
    assert relations((11.0, 10.0, 21.0, 20.0), middle, 0.1) == []
    assert relations((11.0, 10.0, 21.0, 20.0), middle, 0.0) == ["right of"]


def test_the_last_pixels_belong_to_a_box() -> None:
    assert overlap((0.0, 0.0, 9.0, 9.0), (9.0, 0.0, 18.0, 9.0)) == pytest.approx(10 / 190)
    assert overlap((0.0, 0.0, 9.0, 9.0), (10.0, 0.0, 18.0, 9.0)) == 0
