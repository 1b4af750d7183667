import numpy as np
import pytest

from irg.bench.figures import categories, difference, mean_figure, shares, summary_of, weighted_figure
from irg.bench.intervals import wilson
from irg.bench.protocol import Figure, Sample, Summary


def samples(category: str, *rows: tuple[float, ...], right: bool | None = True) -> list[Sample]:
    """An item a row, a picture a value."""
    return [
        Sample(f"{category}{item}", picture, category, value, right and value == 1)
        for item, values in enumerate(rows)
        for picture, value in enumerate(values)
    ]


def test_a_share_of_single_pictures_has_wilsons_interval() -> None:
    assert mean_figure("all", samples("a", (1,), (0,), (1,), (1,)), 5) == Figure(
        "all", 0.75, 4, 5, wilson(3, 4)
    )
    assert mean_figure("none", [], 5) == Figure("none", None, 0, 5)


def test_the_pictures_of_an_item_do_not_count_as_independent() -> None:
    alike = [(float(item % 2),) * 4 for item in range(40)]
    mixed = [(0.0, 1.0, 0.0, 1.0)] * 40
    wide, narrow = (mean_figure("all", samples("a", *rows), 160) for rows in (alike, mixed))
    assert wide.value == narrow.value == 0.5 and wide.interval and narrow.interval
    assert wide.interval == pytest.approx(wilson(20, 40), abs=0.03)
    assert narrow.interval == (0.5, 0.5)
    assert mean_figure("all", samples("a", *[(1.0,) * 4] * 40), 160).interval == wilson(40, 40)


def test_a_single_item_of_no_verdict_has_no_interval() -> None:
    alone = mean_figure("all", samples("a", (0.25, 0.75), right=None), 2)
    assert alone == Figure("all", 0.5, 2, 2)


def test_categories_are_weighed() -> None:
    rng = np.random.default_rng(0)
    first = samples("a", *((value,) for value in rng.random(100)), right=None)
    second = samples("b", *((value,) for value in rng.random(400)), right=None)
    means = [np.mean([one.value for one in some]) for some in (first, second)]
    both = weighted_figure("both", {"a": first, "b": second}, {"a": 0.25, "b": 0.75}, 500)
    assert both.value == pytest.approx(0.25 * means[0] + 0.75 * means[1])
    assert both.interval is not None and both.value is not None
    error = np.sqrt(0.25**2 / 12 / 100 + 0.75**2 / 12 / 400)
    assert both.interval == pytest.approx((both.value - 1.96 * error, both.value + 1.96 * error), abs=0.01)
    assert weighted_figure("both", {"a": first}, {"a": 0.25, "b": 0.75}, 500) == Figure(
        "both", None, 100, 500
    )
    assert {name: len(some) for name, some in categories([*first, *second]).items()} == {"a": 100, "b": 400}


def test_the_usual_summary_is_the_weighted_sum_of_the_categories_means() -> None:
    some = samples("a", (1,), (0,)) + samples("b", (1,), (1,), (1,), (0,))
    plain = summary_of("v", some, {"a": 2, "b": 4}, shares({"a": 2, "b": 4, "none": 0}), {})
    assert plain.headline.value == pytest.approx(4 / 6) and plain.headline.counted == 6
    assert plain.headline.interval == wilson(4, 6)
    macro = summary_of("v", some, {"a": 2, "b": 4, "c": 1}, {"a": 0.5, "b": 0.5}, {"no picture": 1})
    assert macro.headline.value == pytest.approx(0.625) and not macro.is_complete
    assert [figure.value for figure in macro.figures] == [0.5, 0.75, None]
    empty = summary_of("v", some, {"a": 2, "b": 4, "c": 1}, {"a": 0.5, "c": 0.5}, {})
    assert empty.headline == Figure("v", None, 2, 3)


def test_differences_are_of_what_both_have() -> None:
    def made(*values: float, weights: dict[str, float] | None = None) -> Summary:
        rows = samples("a", *((value,) for value in values))
        return summary_of("v", rows, {"a": 4}, weights or {"a": 1.0}, {})

    found = difference(made(1, 1, 0, 1), made(0, 1, 0))
    assert found is not None and found.value == pytest.approx(1 / 3)
    assert (found.counted, found.expected, found.interval) == (3, 4, (0.0, 1.0))
    assert difference(made(1), made(1, weights={"a": 0.5})) is None
    assert difference(made(1), made()) == Figure("v - v", None, 0, 4)
    same = difference(made(*[0, 1] * 50), made(*[0, 1] * 50))
    assert same is not None and same.interval == (0.0, 0.0), "in pairs nothing differs"


def test_what_a_single_item_would_vary_by_is_not_told() -> None:
    samples = [Sample("1", 0, "a", 1.0), Sample("2", 0, "b", 0.2), Sample("3", 0, "b", 0.4)]
    found = weighted_figure("x", categories(samples), {"a": 0.5, "b": 0.5}, 3)
    assert found.value == pytest.approx(0.65) and found.interval is None


def test_of_very_many_items_the_interval_needs_no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = [tuple(rng.random(2) * rng.random()) for _ in range(2_000)]
    drawn = mean_figure("all", samples("a", *rows, right=None), 4_000)
    monkeypatch.setattr("irg.bench.figures._MANY", 1_000)
    normal = mean_figure("all", samples("a", *rows, right=None), 4_000)
    assert drawn.value == normal.value and drawn.interval and normal.interval
    assert normal.interval == pytest.approx(drawn.interval, abs=0.002)
    assert normal.interval != drawn.interval
