from statistics import median

import pytest
import torch

from irg.bench.speed.clock import Clock
from irg.bench.speed.limits import MachineLimits
from irg.bench.speed.work import NeededWork, Product
from irg.model.panels import ROWS as BLOCK
from irg.model.panels import laid_out_types

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
    found = MachineLimits(CLOCK, torch.float32, (ROWS, ATTENTION), 1, seconds, bandwidths=[5.0, 4.0, 100.0])
    assert found.computing(WORK) == pytest.approx(3 * 2.0 + 2 * 1.0)
    assert found.bandwidth == 5.0


def test_every_round_counts(limits: MachineLimits) -> None:
    num = len(limits.bandwidths)
    limits.measure()
    assert {len(limits.bandwidths), *map(len, limits.seconds.values())} == {num + 1}


def test_products_of_weights_laid_out_are_a_limit_of_their_own() -> None:
    whole, few = Product(2 * BLOCK, 64, 64), Product(BLOCK - 1, 64, 64)
    work = NeededWork(((whole, 2), (few, 3), (ATTENTION, 1)))
    seconds = {whole: [4.0], few: [1.0], ATTENTION: [1.0]}
    found = MachineLimits(CLOCK, torch.float32, (whole, few, ATTENTION), 1, seconds, {whole: [2.0]})
    assert found.computing(work) == pytest.approx(2 * 4 + 3 + 1)
    assert found.computing(work, laid_out=True) == pytest.approx(2 * 2 + 3 + 1)
    found.laid_out = {whole: [8.0]}
    assert found.computing(work, laid_out=True) == found.computing(work), "bare ones are faster here"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_only_whole_blocks_are_measured_laid_out(dtype: torch.dtype) -> None:
    products = (Product(BLOCK, 8, 8), Product(BLOCK + 1, 8, 8), ATTENTION)
    found = MachineLimits(CLOCK, dtype, products, 1000)
    found.measure()
    assert list(found.laid_out) == [products[0]] * (dtype in laid_out_types())
