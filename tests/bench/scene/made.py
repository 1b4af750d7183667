"""Records of a comparison as they might come out, without drawing anything."""

import numpy as np

from irg.bench.scene.comparison import Found
from irg.bench.scene.conditions import Condition, name_of_other, turn_name
from irg.bench.scene.fidelity import Fidelity
from irg.bench.scene.items import COMBINATION_FAMILIES, FAMILIES, MAIN, group_of, scene_item
from irg.bench.scene.records import BestOfTwo, PictureCost, PromptRecord, Result
from irg.bench.scene.reflections import ReflectionCheck
from irg.world import Family, Split

TURNS = 3
OTHER = name_of_other("no stage 1", "turn2")
MANY = ["base", "base_thought", "direct", "turn1", "turn2", "best_of_2", "twice_steps", "again"]
"""What all records have; the rest only those of the first prompts with the first seed."""
EVERY = [*map(str, (*Condition, *map(turn_name, range(1, TURNS + 1)))), OTHER]
FEW_PROMPTS = 12
HEAD = {
    "protocol": "p",
    "model": {"name": "m", "fingerprint": "abc"},
    "base": {"name": "b", "fingerprint": "123", "device": "cpu"},
    "others": {"no stage 1": {"name": "o", "fingerprint": "456"}},
}
CHANCES = {"base": 0.2, "turn1": 0.6, "turn2": 0.9}


def found(prompts: int = 24, seeds: tuple[int, ...] = (0, 1)) -> Found:
    """Records, and a curve of two steps."""
    made = records(prompts, seeds)
    return Found(made, {100: made[:6], 2000: made[6:12]})


def result(correct: bool, quality: float = 0.9, check: ReflectionCheck | None = None) -> Result:
    flaws = () if correct else ("wanted 1 star, see none",)
    return Result(
        correct, Fidelity(quality, 1.0, 1.0, 1.0), PictureCost(0.5, 60, 20), flaws, "a thought", check
    )


def records(prompts: int = 24, seeds: tuple[int, ...] = (0, 1)) -> list[PromptRecord]:
    """Six families in turn, a combination and a compound for every sixth prompt; turn 2 right most often."""
    rng, made = np.random.default_rng(0), []
    for seed in seeds:
        index = 0
        for number in range(prompts):
            made.append(
                _record(rng, seed, index, f"prompt {number}", str(FAMILIES[number % 6]), Split.HELD_OUT)
            )
            index += 1
        for number in range(max(prompts // 6, 1)):
            family = str(COMBINATION_FAMILIES[number % 3])
            made.append(_record(rng, seed, index, f"new {number}", family, Split.COMBINATIONS))
            index += 1
        for number in range(max(prompts // 6, 1)):
            made.append(_record(rng, seed, index, f"long {number}", str(Family.COMPOUND), Split.HELD_OUT))
            index += 1
    return made


def _record(
    rng: np.random.Generator, seed: int, index: int, prompt: str, family: str, split: Split
) -> PromptRecord:
    check = ReflectionCheck(("shape top star circle",), ("shape top star circle",), "plan", True)
    item = scene_item(index, prompt, family, str(split), 7 + index)
    few = seed == 0 and int(prompt.rpartition(" ")[2]) < (FEW_PROMPTS if group_of(item) == MAIN else 2)
    results = {
        name: result(
            bool(rng.random() < CHANCES.get(name, 0.7)),
            0.9 if name == "turn2" else 0.8,
            check if name in ("turn2", "turn3", "no_view") else None,
        )
        for name in (EVERY if few else MANY)
    }
    choice = BestOfTwo((0, int(rng.random() < 0.5)), (-1.0, -2.0))
    return PromptRecord(prompt, family, str(split), seed, index, 7 + index, choice, results)
