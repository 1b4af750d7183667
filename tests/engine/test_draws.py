import torch

from irg.engine import SeededDraws


def test_a_seed_is_a_sequence_of_numbers() -> None:
    first, second, other = SeededDraws(3), SeededDraws(3), SeededDraws(4)
    before = torch.random.get_rng_state()
    assert first.uniform() == second.uniform() != other.uniform()
    drawn = first.normal(2, 3)
    assert torch.equal(drawn, second.normal(2, 3)) and drawn.shape == (2, 3) and drawn.dtype is torch.float32
    assert not torch.equal(first.normal(2, 3), drawn)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_uniform_numbers_fill_the_unit_interval() -> None:
    draws = SeededDraws(0)
    numbers = [draws.uniform() for _ in range(2000)]
    assert 0 <= min(numbers) < 0.01 and 0.99 < max(numbers) < 1
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.03


def test_a_fork_goes_on_alike_and_apart() -> None:
    draws = SeededDraws(5)
    draws.normal(3)
    forked = draws.fork()
    expected = [draws.uniform() for _ in range(3)]
    assert [forked.uniform() for _ in range(3)] == expected
    forked.uniform()
    again = SeededDraws(5)
    again.normal(3)
    assert [again.uniform() for _ in range(4)] == [*expected, draws.uniform()]
