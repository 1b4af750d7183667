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
from collections.abc import Callable, Hashable, Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from irg.bench.intervals import wilson
from irg.world import (
    Flaw,
    FlawKind,
    Reading,
    Request,
    Scene,
    Zone,
    fulfils,
    parse_reflection,
    parse_thought,
    repair,
)


class Target(StrEnum):
    """Where the scene comes from that a picture is compared with."""

    PLAN = "plan"
    REFLECTION = "reflection"
    ORACLE = "oracle"


@dataclass(frozen=True)
class Check:
    """One reflection beside the truth. `named` is None where the reflection cannot be read."""

    flaws: tuple[Flaw, ...]
    named: tuple[Flaw, ...] | None
    target: Target
    described_right: bool
    """Whether the reflection ends in the description of a scene that fulfils the prompt."""


def check(request: Request, plan_text: str | None, reading: Reading, reflection: str) -> Check:
    """Compare a reflection on a picture (given by its reading) with what is wrong there.

    `plan_text` is the text that the picture was drawn from: a thought, or an earlier reflection.
    """
    named, described = _read(reflection)
    plan = planned_scene(plan_text) if plan_text is not None else None
    described_right = described is not None and fulfils(described, request)
    if plan is not None and fulfils(plan, request):
        target = Target.PLAN
    elif described_right:
        plan, target = described, Target.REFLECTION
    else:
        target = Target.ORACLE
    # The oracle's own choice among right scenes is random; a fixed seed makes it repeatable.
    _, flaws = repair(request, reading, plan, np.random.default_rng(0))
    return Check(flaws, named, target, described_right)


def planned_scene(text: str) -> Scene | None:
    """The scene that a thought or a reflection describes, or None if it describes none."""
    try:
        return parse_thought(text.rpartition("Better: ")[2])
    except ValueError:
        return None


def tally(checks: Seq[Check]) -> dict[str, Any]:
    """Precision and recall by kind of flaw and overall, with 95% Wilson intervals, as JSON.

    An unreadable reflection names nothing: its picture's flaws count as not named. `places` asks only
    whether a zone that is named has a flaw of any kind.
    """
    kinds = {str(kind): _agreement(checks, lambda flaw, kind=kind: flaw.kind is kind) for kind in FlawKind}
    return {
        "reflections": len(checks),
        "unreadable": sum(one.named is None for one in checks),
        "described_right": sum(one.described_right for one in checks),
        "targets": {str(target): sum(one.target is target for one in checks) for target in Target},
        "all": _agreement(checks, lambda _: True),
        "kinds": kinds,
        "places": _places(checks),
        "flawless": _said(one for one in checks if not one.flaws),
        "flawed": _said(one for one in checks if one.flaws),
    }


def _read(reflection: str) -> tuple[tuple[Flaw, ...] | None, Scene | None]:
    """The flaws and the scene of a reflection; one that contradicts itself has at best a scene."""
    try:
        return parse_reflection(reflection)
    except ValueError:
        return None, planned_scene(reflection)


def _key(flaw: Flaw) -> Hashable:
    """What has to agree for a named flaw to be a true one."""
    seen, wanted = flaw.seen, flaw.wanted
    match flaw.kind:
        case FlawKind.COLOUR | FlawKind.SHAPE | FlawKind.SIZE:
            attribute: Hashable = tuple(getattr(thing, flaw.kind) for thing in (seen, wanted))
        case FlawKind.MISSING:
            attribute = wanted and wanted.content
        case FlawKind.EXTRA:
            attribute = seen and seen.colour
        case FlawKind.UNCLEAR:
            attribute = wanted and wanted.shape
        case FlawKind.BACKGROUND:
            attribute = flaw.background
    return flaw.kind, flaw.zone, attribute


def _agreement(checks: Seq[Check], counts: Callable[[Flaw], bool]) -> dict[str, Any]:
    present = named = right = 0
    for one in checks:
        true_keys = {_key(flaw) for flaw in one.flaws if counts(flaw)}
        named_keys = {_key(flaw) for flaw in one.named or () if counts(flaw)}
        present, named = present + len(true_keys), named + len(named_keys)
        right += len(true_keys & named_keys)
    return _shares(present, named, right)


def _places(checks: Seq[Check]) -> dict[str, Any]:
    present = named = right = 0
    for one in checks:
        true_zones: set[Zone | None] = {flaw.zone for flaw in one.flaws}
        named_zones: set[Zone | None] = {flaw.zone for flaw in one.named or ()}
        present, named = present + len(true_zones), named + len(named_zones)
        right += len(true_zones & named_zones)
    return _shares(present, named, right)


def _shares(present: int, named: int, right: int) -> dict[str, Any]:
    return {
        "present": present,
        "named": named,
        "right": right,
        "precision": _share(right, named),
        "recall": _share(right, present),
    }


def _share(part: int, total: int) -> dict[str, float] | None:
    if not total:
        return None
    low, high = wilson(part, total)
    return {"value": round(part / total, 4), "low": round(low, 4), "high": round(high, 4)}


def _said(checks: Iterable[Check]) -> dict[str, int]:
    """Of some pictures: on how many the reflection names flaws, says that nothing is wrong, says neither."""
    said = Counter(
        "unreadable" if one.named is None else "flaws_named" if one.named else "nothing_wrong"
        for one in checks
    )
    return {name: said[name] for name in ("nothing_wrong", "flaws_named", "unreadable")}
