import numpy as np
import pytest

from irg.bench.figures import difference, mean_of, shares, summary_of
from irg.bench.intervals import bootstrap_means, wilson
from irg.bench.protocol import Sample


def samples(category: str, *values: float, first: int = 0) -> list[Sample]:
    return [Sample(f"{first + number}", 0, category, value) for number, value in enumerate(values)]


def test_rights_of_different_items_have_a_wilson_interval() -> None:
    figure = mean_of("x", samples("a", 1, 0, 1, 1), 5)
    assert (figure.value, figure.counted, figure.expected) == (0.75, 4, 5)
    assert figure.interval == wilson(3, 4)
    assert mean_of("x", [], 5).value is None and mean_of("x", [], 5).interval is None


def test_pictures_of_one_item_do_not_count_as_independent() -> None:
    values, items = [0.0, 0.0, 1.0, 1.0] * 5, ["a", "a", "b", "b"] * 5
    found = mean_of("x", [Sample(*one) for one in zip(items, range(20), ["c"] * 20, values, strict=True)], 20)
    assert found.interval == (0.0, 1.0), "two items alone"
    low, high = bootstrap_means(np.array([values]).T, list(range(20)), 1000)
    assert 0 < low[0] < high[0] < 1


def test_the_headline_is_the_weighted_sum_of_the_categories_means() -> None:
    some = samples("a", 1, 0) + samples("b", 1, 1, 1, 0, first=2)
    plain = summary_of("v", some, {"a": 2, "b": 4}, shares({"a": 2, "b": 4}), {})
    assert plain.headline.value == pytest.approx(4 / 6) and plain.headline.counted == 6
    macro = summary_of("v", some, {"a": 2, "b": 4, "c": 1}, {"a": 0.5, "b": 0.5}, {"no picture": 1})
    assert macro.headline.value == pytest.approx(0.625) and not macro.is_complete
    assert [figure.value for figure in macro.figures] == [0.5, 0.75, None]
    assert macro.headline.interval is not None and macro.headline.interval[0] < 0.625
    empty = summary_of("v", some, {"a": 2, "b": 4, "c": 1}, {"a": 0.5, "c": 0.5}, {})
    assert empty.headline.value is None and (empty.headline.counted, empty.headline.expected) == (2, 3)


def test_differences_are_of_what_both_have() -> None:
    def made(*values: float) -> list[Sample]:
        return samples("a", *values)

    weights = {"a": 1.0}
    one = summary_of("v", made(1, 1, 0, 1), {"a": 4}, weights, {})
    two = summary_of("v", made(0, 1, 0), {"a": 4}, weights, {"no picture": 1})
    found = difference(one, two)
    assert found is not None and found.value == pytest.approx(1 / 3)
    assert (found.counted, found.expected) == (3, 4) and found.interval == (0.0, 1.0)
    assert difference(one, summary_of("v", made(1), {"a": 1, "b": 1}, {"b": 1.0}, {})) is None
    other = summary_of("v", samples("a", 1, first=9), {"a": 1}, weights, {})
    assert (nothing := difference(one, other)) is not None and nothing.value is None


def test_an_interval_has_about_the_width_that_theory_tells() -> None:
    rng = np.random.default_rng(1)
    some = samples("a", *rng.normal(size=400)) + samples("b", *rng.normal(size=100), first=400)
    found = summary_of("v", some, {"a": 400, "b": 100}, {"a": 0.5, "b": 0.5}, {}).headline
    assert found.interval is not None
    width = found.interval[1] - found.interval[0]
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 400 + 0.25 / 100), rel=0.15)
