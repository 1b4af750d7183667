import torch

from irg.rl.draws import TwinDraws


def test_siblings_share_noise_and_not_words() -> None:
    one, other = TwinDraws(1, 2), TwinDraws(1, 3)
    assert torch.equal(one.normal(2, 3), other.normal(2, 3))
    assert one.uniform() != other.uniform()
    forked = one.fork()
    assert torch.equal(one.normal(4), forked.normal(4)) and one.uniform() == forked.uniform()
