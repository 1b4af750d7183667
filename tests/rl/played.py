"""Episodes that a small model played, for what is made of them."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch

from irg.core import SpecialTokens
from irg.rl.episodes import PlayedStep, Sibling, SiblingGroup
from irg.rl.run import RlRun, run_of
from irg.rl.settings import RlRecipe
from irg.run.parallel import Layout
from tests.data.small import tokenizer
from tests.rl.bandits import ending
from tests.rl.runs import recipe

ALONE = Layout(0, 1, torch.device("cpu"))
ROLLOUTS = {"groups": 2, "siblings": 3, "tries": 1, "temperature": 1.0, "redraws": 2}
REDNESS = [{"kind": "function", "function": "tests.rl.graders:redness"}]


END = 1.3
"""How strongly the small model tends to end a text."""


@cache
def start() -> Path:
    """A checkpoint with random weights whose texts come to an end."""
    return ending(Path(mkdtemp()) / "start", END)


def made(**changes: Any) -> tuple[RlRecipe, RlRun]:
    """A run that learns texts and steps, of two redraws, not begun."""
    usual = {"rewards": REDNESS, "rollouts": ROLLOUTS, "learning": {"flow": 1.0}, "returns": {"floor": 1e-3}}
    chosen = recipe(start(), Path(mkdtemp()) / "run", **(usual | changes))
    return chosen, run_of(chosen, ALONE)


def play(run: RlRun, step: int = 1, slots: tuple[int, ...] = (0, 1)) -> PlayedStep:
    feed: Any = run.feed
    with feed.cast.on_stage():
        return feed.player.play(feed.prompts, step, slots)


def well_formed(groups: tuple[SiblingGroup, ...]) -> tuple[SiblingGroup, ...]:
    """The same, as if all that was written were what it should be, ends and all."""

    def mended(sibling: Sibling) -> Sibling:
        return replace(sibling, texts=tuple(replace(text, is_valid=True) for text in sibling.texts))

    return tuple(replace(group, siblings=tuple(map(mended, group.siblings))) for group in groups)


def special() -> SpecialTokens:
    return tokenizer().special
