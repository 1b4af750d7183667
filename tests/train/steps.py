"""Watching optimizers step, from outside of the loops under test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook


@contextmanager
def watched(after: Callable[[Optimizer], None]) -> Iterator[None]:
    """Within the block, `after` is called whenever an optimizer has stepped."""
    hook = register_optimizer_step_post_hook(lambda optimizer, *_: after(optimizer))
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def interrupted_after(num_steps: int) -> Iterator[None]:
    """Ctrl-C after so many steps of an optimizer."""
    count = 0

    def count_down(_: Optimizer) -> None:
        nonlocal count
        count += 1
        if count == num_steps:
            raise KeyboardInterrupt

    with watched(count_down):
        yield
