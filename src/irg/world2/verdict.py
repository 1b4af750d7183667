"""What a reading means for a request: whether the picture is right, and what the next one should be."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from irg.world2.check import RIGHT, Check, check, check_text
from irg.world2.mend import mend
from irg.world2.reading import Reading
from irg.world2.request import Request
from irg.world2.scene import Scene


@dataclass(frozen=True)
class Judgement:
    """Whether a picture is exactly what was asked for, and if not, why not, in plain words."""

    correct: bool
    flaws: tuple[str, ...]


def judge(request: Request, reading: Reading) -> Judgement:
    """Right is a picture of the requested objects and no others, all clear, in the asked relations."""
    found = check(request, reading, reading.scene)
    flaws = (*reading.problems, *_flaws(found))
    return Judgement(found.finds_nothing_wrong and not reading.problems, flaws)


def repair(request: Request, reading: Reading, rng: Generator) -> tuple[Scene, Check]:
    """The scene that the next picture should show, and the check that says so beside this one.

    Right and clear objects stay exactly where they were drawn; unclear ones are drawn anew in their places.
    """
    target = mend(request, reading.scene, rng, reading.unclear)
    return target, check(request, reading, target)


def _flaws(found: Check) -> list[str]:
    """The lines of a check that find something wrong."""
    flaws: list[str] = []
    part = ""
    for line in check_text(found)[:-1].split(". ")[1:-1]:
        head, _, rest = line.partition(": ")
        if line.count(": ") == 3:
            part, line = head, rest
        if head == "Extra":
            flaws += [f"extra: {thing.text}" for thing in found.extras]
        elif not line.endswith(f": {RIGHT}"):
            is_slot = line.count(": ") == 2 and " " not in line.partition(": ")[0]
            flaws.append(f"{part}: {line}" if is_slot else line)
    return flaws
