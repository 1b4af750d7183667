"""What the machine reaches, measured in the run that is compared with it: bare products, and reading."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import ClassVar

import torch
from torch.nn import functional

from irg.bench.speed.clock import Clock
from irg.bench.speed.work import NeededWork, Product, packed_together
from irg.model.panels import ROWS, LaidOut, laid_out_types

_ENOUGH = 0.004
"""Seconds that a measurement takes at least: shorter ones are repeated within it."""
_TIMINGS = 5
_MOST_VALUES = 1 << 28
"""Of a tensor that is read to measure: some bandwidth is reached with less than a whole model."""


@dataclass
class MachineLimits:
    """Medians of all rounds so far; `measure` makes another.

    What is compared with them are medians too, of times between the rounds: what else the machine does meets
    both alike.
    """

    clock: Clock
    dtype: torch.dtype
    products: tuple[Product, ...]
    read_values: int
    """How much is read at once: what fits into a cache is read faster."""
    seconds: dict[Product, list[float]] = field(default_factory=dict)
    """Of every round."""
    laid_out: dict[Product, list[float]] = field(default_factory=dict)
    """The same by weights that were laid out beforehand (`irg.model.panels`), where that is done."""
    bandwidths: list[float] = field(default_factory=list)
    """Bytes per second, of every round."""

    BRANCHES: ClassVar = (1, 2, 3)

    @classmethod
    def of(
        cls, clock: Clock, dtype: torch.dtype, works: Iterable[NeededWork], read_values: float
    ) -> "MachineLimits":
        """For the products of these works, alone and packed with those of other branches."""
        known = {
            packed_together(product, branches) if product.batch == 1 and product.rows > 1 else product
            for work in works
            for product, _ in work.products
            for branches in cls.BRANCHES
        }
        products = sorted(known, key=lambda one: (one.rows, one.inner, one.columns, one.batch))
        return cls(clock, dtype, tuple(products), min(int(read_values), _MOST_VALUES))

    def measure(self) -> None:
        for product in self.products:
            run = _multiplication(product, self.clock.device, self.dtype)
            self.seconds.setdefault(product, []).append(self._typical(run))
            if self._may_lay_out(product):
                block = _laid_out(product, self.dtype)
                seconds = self._typical(block) * product.rows / ROWS
                self.laid_out.setdefault(product, []).append(seconds)
        side = 1024
        # A matrix times a vector reads every entry once.
        rows = max(self.read_values // side, 1)
        matrix = torch.ones(rows, side, device=self.clock.device, dtype=self.dtype)
        vector = torch.ones(side, device=self.clock.device, dtype=self.dtype)
        size = matrix.numel() * matrix.element_size()
        reads = (lambda: matrix.sum(), lambda: torch.mv(matrix, vector))
        self.bandwidths.append(size / min(map(self._typical, reads)))

    @property
    def bandwidth(self) -> float:
        """Bytes per second."""
        return median(self.bandwidths)

    def rate(self, product: Product) -> float:
        """The best FLOP/s of the shape, alone or packed."""
        packed = (packed_together(product, branches) for branches in self.BRANCHES)
        return max(one.flops / median(self.seconds[one]) for one in (product, *packed) if one in self.seconds)

    @property
    def best_rate(self) -> float:
        return max(map(self.rate, self.products))

    def computing(self, work: NeededWork, laid_out: bool = False) -> float:
        """Seconds that the products of a work take at their best rates; also by weights `laid_out`."""
        return sum(
            times * product.flops / max(self.rate(product), self._rate_laid_out(product) if laid_out else 0)
            for product, times in work.products
        )

    def _rate_laid_out(self, product: Product) -> float:
        """FLOP/s; 0 where it is not done."""
        return product.flops / median(self.laid_out[product]) if product in self.laid_out else 0.0

    def _may_lay_out(self, product: Product) -> bool:
        on_cpu = self.clock.device.type == "cpu" and self.dtype in laid_out_types()
        return on_cpu and product.batch == 1 and product.rows % ROWS == 0

    def reading(self, work: NeededWork) -> float:
        """Seconds that its bytes take."""
        return work.values * self.dtype.itemsize / self.bandwidth

    def _typical(self, run: Callable[[], object]) -> float:
        repeats = 1
        while (taken := self._timed(run, repeats)) < _ENOUGH:
            repeats = max(2 * repeats, int(repeats * _ENOUGH / max(taken, 1e-6)))
        return median(self._timed(run, repeats) / repeats for _ in range(_TIMINGS))

    def _timed(self, run: Callable[[], object], repeats: int) -> float:
        started = self.clock.now()
        for _ in range(repeats):
            run()
        return self.clock.seconds(self.clock.now() - started)


def _multiplication(product: Product, device: torch.device, dtype: torch.dtype) -> Callable[[], object]:
    generator = torch.Generator(device).manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, device=device).to(dtype)

    if product.batch == 1:
        rows, weight = normal(product.rows, product.inner), normal(product.columns, product.inner)
        return lambda: functional.linear(rows, weight)
    left = normal(product.batch, product.rows, product.inner)
    right = normal(product.batch, product.inner, product.columns)
    return lambda: torch.bmm(left, right)


def _laid_out(product: Product, dtype: torch.dtype) -> Callable[[], object]:
    """A block of its rows."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(ROWS, product.inner, generator=generator).to(dtype)
    weight = LaidOut.of(torch.randn(product.columns, product.inner, generator=generator).to(dtype))
    return lambda: weight(rows)
