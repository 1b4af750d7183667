from statistics import median

import pytest
import torch

from irg.bench.speed.clock import Clock
from irg.bench.speed.limits import MachineLimits
from irg.bench.speed.work import NeededWork, Product

CLOCK = Clock(torch.device("cpu"))
ROWS, ATTENTION = Product(64, 64, 64), Product(64, 16, 80, batch=2)
WORK = NeededWork(((ROWS, 3), (ATTENTION, 2)), values=1e6)


@pytest.fixture(scope="module")
def limits() -> MachineLimits:
    found = MachineLimits.of(CLOCK, torch.float32, [WORK], 1e5)
    found.measure()
    return found


def test_shapes_are_measured_alone_and_packed(limits: MachineLimits) -> None:
    assert [one.rows for one in limits.products if one.batch == 1] == [64, 128, 192]
    assert [one for one in limits.products if one.batch == 2] == [ATTENTION]
    assert limits.rate(ROWS) == max(
        one.flops / median(limits.seconds[one]) for one in limits.products if one.batch == 1
    )


def test_the_limit_is_the_sum_at_the_best_rates(limits: MachineLimits) -> None:
    expected = 3 * ROWS.flops / limits.rate(ROWS) + 2 * ATTENTION.flops / limits.rate(ATTENTION)
    assert limits.computing(WORK) == pytest.approx(expected)
    assert limits.reading(WORK) == 4e6 / limits.bandwidth
    assert limits.best_rate >= limits.rate(ROWS) > 1e8 and limits.bandwidth > 1e8


def test_what_counts_is_the_median_of_the_rounds() -> None:
    seconds = {ROWS: [3.0, 1.0, 2.0], ATTENTION: [1.0, 1.0, 9.0]}
    found = MachineLimits(CLOCK, torch.float32, (ROWS, ATTENTION), 1, seconds, [5.0, 4.0, 100.0])
    assert found.computing(WORK) == pytest.approx(3 * 2.0 + 2 * 1.0)
    assert found.bandwidth == 5.0


def test_every_round_counts(limits: MachineLimits) -> None:
    num = len(limits.bandwidths)
    limits.measure()
    assert {len(limits.bandwidths), *map(len, limits.seconds.values())} == {num + 1}
