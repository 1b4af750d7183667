import torch

from irg.engine.replay import Replayed


def test_without_graphs_a_function_is_called_as_it_is() -> None:
    count_1 = torch.zeros(1)
    replayed = Replayed(lambda: count_1.add_(1), torch.device("cpu"))
    replayed.prepare()
    assert [replayed().item() for _ in range(3)] == [1, 2, 3]
