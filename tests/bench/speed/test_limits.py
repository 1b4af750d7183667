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
        one.flops / limits.seconds[one] for one in limits.products if one.batch == 1
    )


def test_the_limit_is_the_sum_at_the_best_rates(limits: MachineLimits) -> None:
    expected = 3 * ROWS.flops / limits.rate(ROWS) + 2 * ATTENTION.flops / limits.rate(ATTENTION)
    assert limits.computing(WORK) == pytest.approx(expected)
    assert limits.reading(WORK) == 4e6 / limits.bandwidth
    assert limits.best_rate >= limits.rate(ROWS) > 1e8 and limits.bandwidth > 1e8


def test_another_round_only_finds_better(limits: MachineLimits) -> None:
    before, bandwidth = dict(limits.seconds), limits.bandwidth
    limits.measure()
    assert all(limits.seconds[one] <= seconds for one, seconds in before.items())
    assert limits.bandwidth >= bandwidth
