"""Looking at a run while it learns: whole episodes for prompts that are never trained on, always the same."""

import json
from dataclasses import dataclass
from typing import Any

from irg.core.files import write_atomically
from irg.data.prepare import seed_of
from irg.data.streams import Rejected
from irg.rl.account import episode_sums, over_all
from irg.rl.cast import Cast
from irg.rl.episodes import Sibling
from irg.rl.player import Player
from irg.rl.prompts import AskedPicture, PromptSource
from irg.rl.settings import TrialSettings
from irg.run.parallel import Layout
from irg.run.saved import step_name
from irg.run.state import gathered


@dataclass
class RlTrials:
    """Plays with the weights that the model holds. Every process takes a share of the prompts; what became of
    each stands in `trials/step-N.json` of the run's folder, for comparisons."""

    settings: TrialSettings
    cast: Cast
    player: Player
    prompts: PromptSource
    layout: Layout
    known: tuple[Rejected, ...] = ()
    met: tuple[Rejected, ...] = ()

    @property
    def every(self) -> int:
        return self.settings.every

    def asked(self) -> list[AskedPicture]:
        """Always the same prompts, in order."""
        return [self.prompts(seed_of("trial", number)) for number in range(self.settings.prompts)]

    def __call__(self, step: int) -> dict[str, float]:
        mine = self.asked()[self.layout.rank :: self.layout.world]
        with self.cast.on_stage():
            played = self.player.episodes(mine) if mine else []
        lines = [line_of(one, sibling) for one, sibling in zip(mine, played, strict=True)]
        every = [line for own in gathered(lines) for line in own]
        if self.layout.is_first:
            folder = self.player.rewards.kept.parent / "trials"
            folder.mkdir(exist_ok=True)
            every.sort(key=lambda line: line["seed"])
            write_atomically(folder / f"{step_name(step)}.json", json.dumps(every, indent=1) + "\n")
        return self._numbers([one for one in played if one is not None], len(played))

    def _numbers(self, played: list[Sibling], asked: int) -> dict[str, float]:
        """Accuracy after each number of redraws, and what became of wrong and of right first pictures."""
        sums: dict[str, float] = episode_sums(played) | {"asked": asked}
        turns = range(len(self.player.plan.turns))
        for turn in turns:
            sums[f"right/{turn}"] = sum(one.grades[turn] >= 1 for one in played)
        names = ("episodes", "valid", "wrong", "repaired", "right", "damaged", "asked")
        found = over_all(sums, self.layout, [*names, *(f"right/{turn}" for turn in turns)])
        values = {f"accuracy/{turn}": _share(found[f"right/{turn}"], found["episodes"]) for turn in turns}
        return values | {
            "repair": _share(found["repaired"], found["wrong"]),
            "damage": _share(found["damaged"], found["right"]),
            "valid": _share(found["valid"], found["episodes"]),
            "ungraded": found["asked"] - found["episodes"],
        }


def line_of(asked: AskedPicture, played: Sibling | None) -> dict[str, Any]:
    """What became of a prompt, as JSON; without grades, where a picture had none."""
    about: dict[str, Any] = {"prompt": asked.prompt, "seed": asked.seed, **asked.facts}
    if played is None:
        return about
    return about | {"grades": list(played.grades), "valid": played.is_valid, "done": played.is_done}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
