import torch
from torch.nn import functional

from irg.bench.speed.calls import KernelCount, kernel_calls
from irg.bench.speed.workload import EpisodeWorkload

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
