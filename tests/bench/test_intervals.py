import pytest

from irg.bench.intervals import wilson


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),  # Wikipedia's and R's prop.test(correct = FALSE)
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 2, 0.0945, 0.9055),
        (165, 300, 0.4934, 0.6053),
    ],
)
def test_known_intervals(successes: int, total: int, low: float, high: float) -> None:
    assert wilson(successes, total) == pytest.approx((low, high), abs=1e-4)


def test_nothing_counted_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_an_interval_holds_its_share_and_shrinks_with_the_count() -> None:
    widths = []
    for total in (10, 100, 1_000):
        low, high = wilson(total * 3 // 10, total)
        assert 0 <= low < 0.3 < high <= 1
        widths.append(high - low)
    assert widths[0] > 2.5 * widths[1] > 6 * widths[2]


def test_mirrored_counts_have_mirrored_intervals() -> None:
    low, high = wilson(3, 17)
    assert wilson(14, 17) == pytest.approx((1 - high, 1 - low))
