import torch

from irg.bench.noise import PairedDraws
from irg.engine import SeededDraws


def test_draws_are_those_of_the_seed() -> None:
    paired, plain = PairedDraws(SeededDraws(3)), SeededDraws(3)
    for _ in range(2):
        assert torch.equal(paired.normal(2, 3), plain.normal(2, 3))
        assert paired.uniform() == plain.uniform()
        assert torch.equal(paired.normal(4), plain.normal(4))


def test_a_fork_finds_the_noise_of_what_it_was_forked_from() -> None:
    draws = PairedDraws(SeededDraws(3))
    start = draws.fork()
    first, _ = draws.normal(2, 3), draws.uniform()
    middle = draws.fork()
    second = draws.normal(2, 3)
    assert torch.equal(middle.fork().normal(2, 3), second)
    other = start.fork()
    assert torch.equal(other.normal(2, 3), first) and torch.equal(other.normal(2, 3), second)
    # Noise of another shape in between, as an autoencoder that samples asks for, moves nothing.
    middle.normal(7)
    assert torch.equal(middle.normal(2, 3), second)
    third = draws.normal(2, 3)
    assert torch.equal(middle.normal(2, 3), third) and not torch.equal(third, second)
