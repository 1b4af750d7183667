"""The ways of drawing that the comparison puts side by side, and what each is compared with."""

from enum import StrEnum


class Condition(StrEnum):
    """All but the turns, which are named by `turn_name`."""

    BASE = "base"
    BASE_THOUGHT = "base_thought"
    AGAIN = "again"
    BEST_OF_2 = "best_of_2"
    TWICE_STEPS = "twice_steps"
    REDRAW = "redraw"
    TRUE_REFLECTION = "true_reflection"
    NO_REFLECTION = "no_reflection"
    WRONG_REFLECTION = "wrong_reflection"
    OTHER_REFLECTION = "other_reflection"
    NO_VIEW = "no_view"
    NO_CLEAN = "no_clean"
    TEXT_ONLY = "text_only"
    NO_IMAGE_BRANCH = "no_image_branch"


TITLES = {
    Condition.BASE: "base: drawn at once",
    Condition.BASE_THOUGHT: "base with self-CoT",
    Condition.AGAIN: "turn 1 with another seed",
    Condition.BEST_OF_2: "best of 2 first turns, chosen by the model",
    Condition.TWICE_STEPS: "one turn with twice the steps",
    Condition.REDRAW: "a second picture from the same thought",
    Condition.TRUE_REFLECTION: "turn 2 with the oracle's reflection",
    Condition.NO_REFLECTION: "turn 2 without a reflection",
    Condition.WRONG_REFLECTION: "turn 2 with a reflection towards a wrong scene",
    Condition.OTHER_REFLECTION: "turn 2 with another prompt's reflection",
    Condition.NO_VIEW: "turn 2 without VIEW",
    Condition.NO_CLEAN: "turn 2 without CLEAN",
    Condition.TEXT_ONLY: "turn 2 without the first picture",
    Condition.NO_IMAGE_BRANCH: "turn 2 without the image branch",
}
ALTERNATIVES = (Condition.BEST_OF_2, Condition.TWICE_STEPS, Condition.REDRAW, Condition.AGAIN)
"""What the compute of a second turn could buy instead."""
ABLATIONS = (
    Condition.TRUE_REFLECTION,
    Condition.NO_REFLECTION,
    Condition.WRONG_REFLECTION,
    Condition.OTHER_REFLECTION,
    Condition.NO_VIEW,
    Condition.NO_CLEAN,
    Condition.TEXT_ONLY,
    Condition.NO_IMAGE_BRANCH,
)
"""Second turns from the same first picture with one thing changed."""


def turn_name(turn: int) -> str:
    return f"turn{turn}"


def title(name: str) -> str:
    if name in TITLES:
        return TITLES[Condition(name)]
    number = name.removeprefix("turn")
    if not number.isdigit():
        raise ValueError(f"no condition is called {name!r}")
    return "turn 1: self-CoT" if number == "1" else f"turn {number}"


def in_order(names: set[str], turns: int) -> list[str]:
    """The conditions that were run, as tables show them."""
    every = [Condition.BASE, Condition.BASE_THOUGHT, *map(turn_name, range(1, turns + 1))]
    every += [*ALTERNATIVES, *ABLATIONS]
    return [str(name) for name in every if name in names]


def comparisons(names: set[str], turns: int) -> list[tuple[str, str]]:
    """Pairs (better, than) whose difference is of interest, of the conditions that were run."""
    second = turn_name(2)
    pairs = [(second, Condition.BASE), (second, Condition.BASE_THOUGHT), (turn_name(1), Condition.BASE)]
    pairs += [(turn_name(turn + 1), turn_name(turn)) for turn in range(1, turns)]
    pairs += [(second, other) for other in (*ALTERNATIVES, *ABLATIONS)]
    return [(str(better), str(than)) for better, than in pairs if {better, than} <= names]
