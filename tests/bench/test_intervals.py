import numpy as np
import pytest

from irg.bench.intervals import bootstrap_means, drawn_sums, grouped, wilson


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


def test_the_bootstrap_is_near_the_normal_interval_of_independent_items() -> None:
    values = np.random.default_rng(1).normal(3, 2, (400, 1))
    low, high = bootstrap_means(values, range(400))
    spread = 1.96 * values.std(ddof=1) / 20
    assert (low[0], high[0]) == pytest.approx((values.mean() - spread, values.mean() + spread), abs=0.03)


def test_repeating_every_item_in_its_group_adds_no_certainty() -> None:
    values = np.random.default_rng(2).normal(0, 1, (60, 2))
    once = bootstrap_means(values, range(60))
    thrice = bootstrap_means(np.tile(values, (3, 1)), [*range(60)] * 3)
    apart = bootstrap_means(np.tile(values, (3, 1)), range(180))
    assert np.allclose(once, thrice)
    assert (apart[1] - apart[0] < 0.75 * (once[1] - once[0])).all()


def test_pairs_are_surer_than_what_they_are_made_of() -> None:
    rng = np.random.default_rng(3)
    prompt = rng.normal(0, 1, 200)
    first, second = prompt + rng.normal(0, 0.1, 200), prompt + 0.2 + rng.normal(0, 0.1, 200)
    low, high = bootstrap_means(np.stack([second - first, second], axis=1), range(200))
    assert 0 < low[0] < 0.2 < high[0] and high[0] - low[0] < 0.2 * (high[1] - low[1])


def test_groups_weigh_by_their_items() -> None:
    low, high = bootstrap_means(np.array([[1.0], [1.0], [0.0]]), ["a", "a", "b"])
    assert (low[0], high[0]) == (0.0, 1.0)
    assert bootstrap_means(np.array([[0.5], [0.5]]), ["a", "b"]) == (0.5, 0.5)


def test_a_seed_fixes_the_resamples() -> None:
    values = np.random.default_rng(4).normal(0, 1, (50, 1))
    assert bootstrap_means(values, range(50), seed=1) == bootstrap_means(values, range(50), seed=1)
    assert bootstrap_means(values, range(50), seed=1) != bootstrap_means(values, range(50), seed=2)


@pytest.mark.parametrize("count", [0, 3])
def test_every_item_needs_a_group(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} items but {0 if not count else 2} groups"):
        bootstrap_means(np.zeros((count, 1)), range(0 if not count else 2))


def test_sums_of_groups_are_in_the_order_in_which_they_appear() -> None:
    values = np.array([[1.0, 5.0], [2.0, 0.0], [4.0, 1.0]])
    assert grouped(values, ["b", "a", "b"]).tolist() == [[5.0, 6.0], [2.0, 0.0]]


def test_what_is_drawn_varies_as_counts_of_a_multinomial_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, count = np.random.default_rng(0), 30
    values = np.stack([rng.random(count), np.ones(count)], axis=1)
    times = rng.multinomial(count, np.full(count, 1 / count), 20_000)
    drawn, naive = drawn_sums(values, 20_000, rng), times @ values
    assert drawn.shape == (20_000, 2) and (drawn[:, 1] == count).all(), "as many are drawn as there are"
    for moment in (np.mean, np.std):
        assert moment(drawn[:, 0]) == pytest.approx(moment(naive[:, 0]), rel=0.02)
    whole = drawn_sums(values, 100, np.random.default_rng(1))
    monkeypatch.setattr("irg.bench.intervals._AT_ONCE", 7 * count)
    assert (drawn_sums(values, 100, np.random.default_rng(1)) == whole).all(), "bounds of memory move nothing"
