"""What a written text means to the step that wrote it: whether it is in order, what is taken of it, what
follows from it."""

import re
from dataclasses import dataclass

from irg.pipeline.plans.pieces import PROMPT, ROUND, filled
from irg.pipeline.plans.steps import Meaning, Taking, WriteStep
from irg.world.sentences import parse_reflection

_NOTHING_WRONG = re.compile(r"\bnothing is wrong\b", re.IGNORECASE)


@dataclass(frozen=True)
class ReadText:
    """A text as it was written, what is taken of it, its rewriting if there is one, and what is wrong with
    it, if anything is."""

    whole: str
    taken: str
    canonical: str | None = None
    fault: str | None = None


def read_text(step: WriteStep, text: str, prompt: str, number: int) -> ReadText:
    """What a step makes of a text that it wrote in pass `number`."""
    if step.until is not None:
        text = text.partition(step.until)[0]
    taken = text if step.take is None else _taken(step.take, text)
    lacking = next((pattern for pattern in step.must if re.search(pattern, text) is None), None)
    fault = None if lacking is None else f"it lacks {lacking}"
    if taken is None:
        taken, fault = text, fault or "what is to be taken of it is not there"
    canonical = None
    if step.canonical is not None:
        values = {name: _field(pattern, text) for name, pattern in step.fields.items()}
        canonical = filled(step.canonical, {**values, PROMPT: prompt, ROUND: str(number)})
    return ReadText(text, taken, canonical, fault)


def means(meaning: Meaning, text: str, world: str | None) -> bool:
    """Whether any part of what is asked holds of a text. `world` is the closed one that the model knows."""
    return (
        any(words in text for words in meaning.contains)
        or (bool(meaning.lacks) and not any(words in text for words in meaning.lacks))
        or (meaning.matches is not None and re.search(meaning.matches, text) is not None)
        or (meaning.right and says_right(text, world))
    )


def says_right(text: str, world: str | None) -> bool:
    """Whether a reflection says that nothing is wrong, or cannot be read: neither names what to mend."""
    if world == "scenes":
        try:
            flaws, _ = parse_reflection(text)
        except ValueError:
            return True
        return not flaws
    return not text.strip() or _NOTHING_WRONG.search(text) is not None


def _taken(take: Taking, text: str) -> str | None:
    """None where it is not there."""
    if take.after is not None:
        _, found, rest = text.rpartition(take.after)
        return rest.strip() if found else None
    if take.between is not None:
        _, found, rest = text.partition(take.between[0])
        inner, closed, _ = rest.partition(take.between[1])
        return inner.strip() if found and closed else None
    assert take.line is not None
    lines = [line for line in text.split("\n") if line.startswith(take.line)]
    return lines[-1][len(take.line) :].strip() if lines else None


def _field(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return (found[1] or "") if found else ""
