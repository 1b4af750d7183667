"""How right reflections are: the flaws that they name against the flaws that the oracle sees.

What is wrong in a picture is defined as for training: `repair` compares the oracle's reading with the scene
that the picture should show. That scene is the plan the picture was drawn from, if the plan fulfils the
prompt. Where it does not, any scene that fulfils the prompt will do, and the one that the reflection itself
describes is taken if it is such a scene; only else does the oracle choose one.

A named flaw is right if the picture has a flaw of that kind in that zone and the sentence's own attribute is
right: of a colour, shape or size what is there and what it should be, of a missing object all of it, of an
extra one its colour, of an unclear one the shape it should be, of the background what it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np

from irg.bench.intervals import share
from irg.world import (
    Flaw,
    FlawKind,
    Reading,
    Request,
    Scene,
    fulfils,
    parse_reflection,
    parse_thought,
    repair,
)


class TargetSource(StrEnum):
    """Where the scene comes from that a picture is compared with."""

    PLAN = "plan"
    REFLECTION = "reflection"
    ORACLE = "oracle"


@dataclass(frozen=True)
class ReflectionCheck:
    """One reflection beside the truth: the flaws that are present and those that it names, each as `mark`.

    `named` is None where the reflection cannot be read.
    """

    present: tuple[str, ...]
    named: tuple[str, ...] | None
    target: str
    described_right: bool
    """Whether the reflection ends in the description of a scene that fulfils the prompt."""


def check(request: Request, plan_text: str | None, reading: Reading, reflection: str) -> ReflectionCheck:
    """Compare a reflection on a picture (given by its reading) with what is wrong there.

    `plan_text` is the text that the picture was drawn from: a thought, or an earlier reflection.
    """
    named, described = _read(reflection)
    plan = planned_scene(plan_text) if plan_text is not None else None
    described_right = described is not None and fulfils(described, request)
    if plan is not None and fulfils(plan, request):
        target = TargetSource.PLAN
    elif described_right:
        plan, target = described, TargetSource.REFLECTION
    else:
        target = TargetSource.ORACLE
    # The oracle's own choice among right scenes is random; a fixed seed makes it repeatable.
    _, flaws = repair(request, reading, plan, np.random.default_rng(0))
    return ReflectionCheck(
        _marks(flaws), None if named is None else _marks(named), str(target), described_right
    )


def mark(flaw: Flaw) -> str:
    """A flaw by what has to agree for a named one to be a true one: "colour top-left pink red"."""
    seen, wanted = flaw.seen, flaw.wanted
    match flaw.kind:
        case FlawKind.COLOUR | FlawKind.SHAPE | FlawKind.SIZE:
            said = [getattr(thing, flaw.kind) for thing in (seen, wanted)]
        case FlawKind.MISSING:
            said = [wanted.size, wanted.colour, wanted.shape] if wanted else []
        case FlawKind.EXTRA:
            said = [seen.colour] if seen else []
        case FlawKind.UNCLEAR:
            said = [wanted.shape] if wanted else []
        case FlawKind.BACKGROUND:
            said = [flaw.background]
    return " ".join(map(str, (flaw.kind, flaw.zone or "behind", *said)))


def planned_scene(text: str) -> Scene | None:
    """The scene that a thought or a reflection describes, or None if it describes none."""
    try:
        return parse_thought(text.rpartition("Better: ")[2])
    except ValueError:
        return None


def tally(checks: Sequence[ReflectionCheck]) -> dict[str, Any]:
    """Precision and recall by kind of flaw and overall, with 95% Wilson intervals, as JSON.

    An unreadable reflection names nothing: its picture's flaws count as not named. `places` asks only
    whether a zone that is named has a flaw of any kind.
    """
    return {
        "reflections": len(checks),
        "unreadable": sum(one.named is None for one in checks),
        "described_right": sum(one.described_right for one in checks),
        "targets": {str(target): sum(one.target == target for one in checks) for target in TargetSource},
        "all": _agreement(checks, lambda marks: set(marks)),
        "kinds": {str(kind): _agreement(checks, partial(_of_kind, kind)) for kind in FlawKind},
        "places": _agreement(checks, lambda marks: {one.split()[1] for one in marks}),
        "flawless": _said(one for one in checks if not one.present),
        "flawed": _said(one for one in checks if one.present),
    }


def _marks(flaws: tuple[Flaw, ...]) -> tuple[str, ...]:
    return tuple(map(mark, flaws))


def _of_kind(kind: FlawKind, marks: Sequence[str]) -> set[str]:
    return {one for one in marks if one.split()[0] == kind}


def _read(reflection: str) -> tuple[tuple[Flaw, ...] | None, Scene | None]:
    """The flaws and the scene of a reflection; one that contradicts itself has at best a scene."""
    try:
        return parse_reflection(reflection)
    except ValueError:
        return None, planned_scene(reflection)


def _agreement(
    checks: Sequence[ReflectionCheck], compared: Callable[[Sequence[str]], set[str]]
) -> dict[str, Any]:
    present = named = right = 0
    for one in checks:
        theirs, ours = compared(one.present), compared(one.named or ())
        present, named, right = present + len(theirs), named + len(ours), right + len(theirs & ours)
    return {
        "present": present,
        "named": named,
        "right": right,
        "precision": share(right, named),
        "recall": share(right, present),
    }


def _said(checks: Iterable[ReflectionCheck]) -> dict[str, int]:
    """Of some pictures: on how many the reflection names flaws, says that nothing is wrong, says neither."""
    said = Counter(
        "unreadable" if one.named is None else "flaws_named" if one.named else "nothing_wrong"
        for one in checks
    )
    return {name: said[name] for name in ("nothing_wrong", "flaws_named", "unreadable")}
