"""What of a model and its optimizers goes into a checkpoint, and what of it each process has."""

from collections.abc import Iterable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor

Value = TypeVar("Value")


def model_state(model: nn.Module, frozen: bool) -> dict[str, torch.Tensor]:
    """The model's tensors; without `frozen` only the trained ones, where the others can be read again.

    The memory is the model's own, so that loading into the result loads the model.
    """
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return {name: value for name, value in model.state_dict().items() if frozen or name in trained}


def optimizer_state(
    model: nn.Module, optimizers: Iterable[torch.optim.Optimizer]
) -> dict[str, dict[str, torch.Tensor]]:
    """What the optimizers keep for each parameter, by its name; the memory is theirs.

    Rates and the like are not in it: they are the recipe's and the schedule's. To be loaded, an optimizer has
    to hold the state of the parameters for which there was one, as it does once it has stepped.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: dict(state)
        for optimizer in optimizers
        for parameter, state in optimizer.state.items()
    }


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part of a tensor; its memory, not a copy."""
    with torch.no_grad():
        return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def offsets(tensor: torch.Tensor) -> tuple[int, ...]:
    """Where this process's part of a tensor begins."""
    if isinstance(tensor, DTensor):
        return tuple(tensor.__create_chunk_list__()[0].offsets)
    return (0,) * tensor.ndim


def gathered(value: Value, group: dist.ProcessGroup | None = None) -> list[Value]:
    """What every process has of it, by rank. All processes of the group call it."""
    if not dist.is_initialized():
        return [value]
    every = [value] * dist.get_world_size(group)
    dist.all_gather_object(every, value, group=group)
    return every
