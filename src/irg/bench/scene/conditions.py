"""The ways of drawing that the comparison puts side by side, and what each is compared with."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """All but the turns (`turn_name`) and what others draw (`name_of_other`), with what tables call them."""

    words: str

    def __new__(cls, name: str, words: str) -> "Condition":
        condition = str.__new__(cls, name)
        condition._value_, condition.words = name, words
        return condition

    BASE = "base", "base: drawn at once"
    BASE_THOUGHT = "base_thought", "base with self-CoT"
    DIRECT = "direct", "final model: drawn at once"
    BEST_OF_2 = "best_of_2", "best of 2 first turns, chosen by the model"
    TWICE_STEPS = "twice_steps", "one turn with twice the steps"
    GUIDED = "guided", "one turn with guidance, which the checkpoint's plan has not"
    REDRAW = "redraw", "a second picture from the same thought"
    AGAIN = "again", "turn 1 with another seed"
    TRUE_REFLECTION = "true_reflection", "turn 2 with the oracle's reflection"
    NO_REFLECTION = "no_reflection", "turn 2 without a reflection"
    WRONG_REFLECTION = "wrong_reflection", "turn 2 with a reflection towards a wrong scene"
    OTHER_REFLECTION = "other_reflection", "turn 2 with another prompt's reflection"
    NO_VIEW = "no_view", "turn 2 without VIEW"
    NO_CLEAN = "no_clean", "turn 2 without CLEAN"
    TEXT_ONLY = "text_only", "turn 2 without the first picture"
    NO_IMAGE_BRANCH = "no_image_branch", "turn 2 without the image branch"
    IMAGE_BRANCH = "image_branch", "turn 2 with an image branch, which the checkpoint's plan has not"


_EVERY = tuple(Condition)
ALTERNATIVES = _EVERY[_EVERY.index(Condition.BEST_OF_2) : _EVERY.index(Condition.TRUE_REFLECTION)]
"""What the compute of a second turn could buy instead."""
ABLATIONS = _EVERY[_EVERY.index(Condition.TRUE_REFLECTION) :]
"""Second turns from the same first picture with one thing changed. Of the last two a checkpoint has one."""
_FROM_OTHERS = (Condition.DIRECT, "turn1", "turn2")


@dataclass(frozen=True)
class Scope:
    """Which conditions a checkpoint draws some prompts under: at once and so many turns, always; what else
    the compute could buy; and all that only some prompts are drawn under (a redraw, the ablations)."""

    turns: int
    alternatives: bool = False
    ablations: bool = False

    @property
    def num_pictures(self) -> int:
        """The most pictures of a prompt, for showing progress; a redraw comes with the ablations."""
        return 1 + self.turns + 3 * self.alternatives + len(ABLATIONS) * self.ablations


def turn_name(turn: int) -> str:
    return f"turn{turn}"


def name_of_other(label: str, name: str) -> str:
    """A condition as another checkpoint drew it."""
    return f"{label}/{name}"


def title(name: str) -> str:
    label, _, ours = name.rpartition("/")
    if ours in _EVERY:
        return f"{label}: drawn at once" if label else Condition(ours).words
    number = ours.removeprefix("turn")
    if not number.isdigit():
        raise ValueError(f"no condition is called {name!r}")
    if label:
        return f"{label}: turn {number}"
    return "turn 1: self-CoT" if number == "1" else f"turn {number}"


def short_title(name: str) -> str:
    """The title for a table of differences."""
    return title(name) if "/" in name else title(name).partition(":")[0]


def in_order(names: Collection[str], turns: int) -> list[str]:
    """The conditions that were run, as tables show them."""
    every = [Condition.BASE, Condition.BASE_THOUGHT, Condition.DIRECT, *map(turn_name, range(1, turns + 1))]
    every += [*ALTERNATIVES, *ABLATIONS, *_of_others(names)]
    return [str(name) for name in every if name in names]


def kind(name: str) -> str:
    """Which table shows a condition."""
    if "/" in name:
        return "other"
    return "ablation" if name in ABLATIONS else "alternative" if name in ALTERNATIVES else "turn"


def comparisons(names: Collection[str], turns: int) -> list[tuple[str, str]]:
    """Pairs (better, than) whose difference is of interest, of the conditions that were run."""
    second = turn_name(2)
    pairs = [(second, Condition.BASE), (second, Condition.BASE_THOUGHT), (second, Condition.DIRECT)]
    pairs += [(turn_name(1), Condition.BASE), (turn_name(1), Condition.BASE_THOUGHT)]
    pairs += [(turn_name(1), Condition.DIRECT)]
    pairs += [(turn_name(turn + 1), turn_name(turn)) for turn in range(1, turns)]
    pairs += [(second, other) for other in (*ALTERNATIVES, *ABLATIONS)]
    pairs += [(ours, other) for other in _of_others(names) for ours in [other.rpartition("/")[2]]]
    return [(str(better), str(than)) for better, than in pairs if {better, than} <= set(names)]


def _of_others(names: Collection[str]) -> list[str]:
    labels = dict.fromkeys(name.rpartition("/")[0] for name in names if "/" in name)
    every = [name_of_other(label, name) for label in sorted(labels) for name in _FROM_OTHERS]
    return [name for name in every if name in names]
