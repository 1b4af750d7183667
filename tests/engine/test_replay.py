import pytest
import torch

from irg.engine.replay import Replayed


@pytest.mark.parametrize("as_graph", [True, False])
def test_without_a_gpu_a_function_is_called_as_it_is(as_graph: bool) -> None:
    count_1 = torch.zeros(1)
    replayed = Replayed(lambda: count_1.add_(1), torch.device("cpu"), as_graph)
    assert not replayed.as_graph
    assert [replayed().item() for _ in range(3)] == [1, 2, 3]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="graphs are a GPU's")
@pytest.mark.parametrize("as_graph", [True, False])
def test_a_gpu_counts_every_call_once(as_graph: bool) -> None:
    """Also the first, which is no rehearsal, and the second, which captures."""
    count_1 = torch.zeros(1, device="cuda")
    replayed = Replayed(lambda: count_1.add_(1) * 2, torch.device("cuda"), as_graph)
    assert [replayed().item() for _ in range(4)] == [2, 4, 6, 8]
    assert (replayed._graph is not None) == as_graph
