from collections.abc import Iterator

import torch
from torch.nn import functional

from irg.bench.speed.calls import KernelCount, _between, _num_tokens, kernel_calls
from irg.bench.speed.workload import EpisodeWorkload
from irg.core.events import ThoughtDelta
from irg.pipeline.episode import RowEvent

CPU = torch.device("cpu")


def test_views_are_no_kernels_and_composed_operations_are_their_parts() -> None:
    rows, weight = torch.ones(2, 3), torch.ones(4, 3)
    with torch.inference_mode(), KernelCount() as count:
        rows.view(3, 2).transpose(0, 1)
        assert count.total == 0
        functional.linear(rows, weight)  # a product, and a view of its weight
        assert count.total == 1
        (rows + rows) * rows
        assert count.total == 3


def test_calls_are_counted_not_timed() -> None:
    load = EpisodeWorkload("tiny")
    first, again = (kernel_calls(load, CPU, torch.float32) for _ in range(2))
    assert first == again
    # 28 layers have five products a token at least, and as many of either expert a step.
    assert 28 * 5 < first.per_token <= 900
    assert 28 * 10 < first.per_step <= 2500


def test_tokens_that_come_together_share_their_calls() -> None:
    def events() -> Iterator[RowEvent]:
        one = torch.ones(1)
        for text, calls in (("7 ", 50), ("1 2 3 4 ", 8), ("5 6 ", 4)):
            for _ in range(calls):
                one.add_(1)
            yield 0, ThoughtDelta(1, text)

    assert _between(events(), _num_tokens) == 2
