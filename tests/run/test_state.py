import torch
from torch import nn

from irg.run.state import model_state, optimizer_state


def model() -> nn.Sequential:
    made = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1, bias=False))
    made[0].requires_grad_(False)
    return made


def test_without_the_frozen_only_what_trains_is_saved() -> None:
    made = model()
    assert model_state(made, frozen=True).keys() == made.state_dict().keys()
    assert model_state(made, frozen=False).keys() == {"1.weight", "1.bias", "2.weight"}


def test_the_memory_is_the_models() -> None:
    made = model()
    model_state(made, frozen=True)["0.weight"].fill_(5.0)
    assert made[0].weight.unique().tolist() == [5.0]


def test_optimizers_states_go_by_the_parameters_names() -> None:
    made = model()
    optimizers = [
        torch.optim.AdamW([made[1].weight, made[1].bias]),
        torch.optim.SGD([made[2].weight], 0.1, momentum=0.5),
    ]
    made[1].weight.grad = torch.ones(3)
    made[2].weight.grad = torch.ones(1, 3)
    for optimizer in optimizers:
        optimizer.step()
    state = optimizer_state(made, optimizers)
    assert {name: set(fields) for name, fields in state.items()} == {
        "1.weight": {"step", "exp_avg", "exp_avg_sq"},  # a parameter without a gradient has no state
        "2.weight": {"momentum_buffer"},
    }
    state["2.weight"]["momentum_buffer"].fill_(9.0)
    assert optimizers[1].state[made[2].weight]["momentum_buffer"].unique().tolist() == [9.0]
