import numpy as np
import pytest

from irg.bench.figures import categories, mean_figure, weighted_figure
from irg.bench.intervals import wilson
from irg.bench.protocol import Figure, Sample


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
    both = weighted_figure("both", [*first, *second], {"a": 0.25, "b": 0.75}, 500)
    assert both.value == pytest.approx(0.25 * means[0] + 0.75 * means[1])
    assert both.interval is not None and both.value is not None
    error = np.sqrt(0.25**2 / 12 / 100 + 0.75**2 / 12 / 400)
    assert both.interval == pytest.approx((both.value - 1.96 * error, both.value + 1.96 * error), abs=0.01)
    assert weighted_figure("both", first, {"a": 0.25, "b": 0.75}, 500) == Figure("both", None, 100, 500)
    assert {name: len(some) for name, some in categories([*first, *second]).items()} == {"a": 100, "b": 400}
