import pytest
import torch
from torch import nn

from irg.run.average import Average


def model() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)).bfloat16()
    made.get_submodule("1").requires_grad_(False)
    return made


def move(made: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter += torch.randn(parameter.shape, generator=generator).bfloat16()


@pytest.mark.parametrize("warmup", [False, True])
def test_it_is_the_naive_average_in_float32_of_what_trains(warmup: bool) -> None:
    made = model()
    average = Average(made, 0.8, warmup)
    naive = {name: one.detach().float() for name, one in made.named_parameters() if one.requires_grad}
    for step in range(1, 6):
        move(made, step)
        average.update(step)
        decay = min(0.8, step / (step + 9)) if warmup else 0.8
        for name, one in made.named_parameters():
            if one.requires_grad:
                naive[name] = decay * naive[name] + (1 - decay) * one.detach().float()
    assert average.values.keys() == naive.keys() == {"0.weight", "0.bias"}
    for name, value in average.values.items():
        assert value.dtype == torch.float32
        assert torch.allclose(value, naive[name], rtol=1e-6)


def test_the_model_gets_its_own_weights_back_whatever_happens() -> None:
    made = model()
    average = Average(made, 0.8, False)
    move(made, 1)
    average.update(1)
    own = {name: one.clone() for name, one in made.state_dict().items()}
    with pytest.raises(KeyError), average.swapped_in():
        assert torch.equal(made.get_parameter("0.weight"), average.values["0.weight"].bfloat16())
        assert not torch.equal(made.get_parameter("0.weight"), own["0.weight"])
        raise KeyError
    assert all(torch.equal(one, own[name]) for name, one in made.state_dict().items())


def test_without_a_decay_the_models_own_weights_stand_for_it() -> None:
    made = model()
    average = Average(made, None, True)
    move(made, 1)
    average.update(1)
    own = made.get_parameter("0.weight").clone()
    assert average.values == {}
    with average.swapped_in():
        assert torch.equal(made.get_parameter("0.weight"), own)
