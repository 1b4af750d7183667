"""Prompts to a model of the scene world, which knows no other: worded as its training worded them.

What is read by the model changes, not what a trace says was asked for.
"""

import warnings
from collections.abc import Sequence

from irg.world.wording import OutsideWorld, as_phrased


class OutsideWorldWarning(UserWarning):
    """A model is asked for what its world does not have: what it draws means nothing."""


def worded(prompts: Sequence[str]) -> list[str]:
    """The prompts as they are read: one in another wording than those of training in the canonical one. One
    from outside the world stays as it is, and is warned of."""
    outside: list[tuple[str, OutsideWorld]] = []
    found = []
    for prompt in prompts:
        try:
            found.append(as_phrased(prompt))
        except OutsideWorld as unknown:
            outside.append((prompt, unknown))
            found.append(prompt)
    if outside:
        (first, why), count = outside[0], f"{len(outside)} of {len(prompts)} prompts"
        which = f"{count}, such as {first!r}, are" if len(prompts) > 1 else f"the prompt {first!r} is"
        message = f"{which} outside the model's world, so what it draws means nothing. {why}"
        warnings.warn(message, OutsideWorldWarning, stacklevel=2)
    return found
