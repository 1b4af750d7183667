"""What WISE's judges answer, read as the official code reads it: not as one would, but so that numbers agree.

Facts of PKU-YuanGroup/WISE (eb51174) and of ByteDance-Seed/Bagel (056b5fd).
"""

import re

LEGACY = ("consistency", "realism", "aesthetic_quality")
"""What a judge of the protocol of 2025 scores, each from 0 to 2."""
UNREAD = 9.9
"""What BAGEL's script writes where it reads nothing, and then takes for a failure."""

# Looking ahead for a first letter passes over the rest of an answer in half the time.
_NAMED = r"(?=[cra])(Consistency|Realism|Aesthetic Quality)\*{0,2}\s*%s?\s*(\d)"
_LEGACY = re.compile(_NAMED % ":", re.IGNORECASE)
_BAGEL = re.compile(_NAMED % "[:\uff1a]", re.IGNORECASE)
_THREE = re.compile(r"^\s*([0-2])\s*$", re.MULTILINE)
_BINARY = re.compile(r"\*{0,2}Score\*{0,2}\s*:?\s*([01])\b", re.IGNORECASE)
_ALONE = re.compile(r"^\s*([01])\s*$", re.MULTILINE)
_THOUGHT = re.compile(r"<think>.*?</think>\s*", re.DOTALL)
_STRAY = re.compile(r"</think>\s*")


def legacy_scores(text: str) -> dict[str, float]:
    """The scores that are named, the last of a name counting; or else the first three lines that are nothing
    but a number. What is not found is left out: only all three are an answer."""
    if named := _named(_LEGACY, text):
        return named
    lines = _THREE.findall(text)
    return dict(zip(LEGACY, map(float, lines), strict=False)) if len(lines) >= 3 else {}


def bagel_scores(text: str) -> dict[str, float]:
    """As BAGEL's script reads it: it knows the full-width colon, takes no bare lines, and marks what it does
    not find with `UNREAD`."""
    return dict.fromkeys(LEGACY, UNREAD) | _named(_BAGEL, text)


def verified_score(text: str) -> float | None:
    """0 or 1: the first place that names it, or else the only line that is nothing but one of them."""
    if named := _BINARY.search(text):
        return float(named[1])
    lines = _ALONE.findall(text)
    return float(lines[0]) if len(lines) == 1 else None


def without_thoughts(content: str) -> str:
    """An answer without what its model thought first. What stands before a closing tag alone stays."""
    return _STRAY.sub("", _THOUGHT.sub("", content)).strip()


def _named(pattern: re.Pattern[str], text: str) -> dict[str, float]:
    return {name.lower().replace(" ", "_"): float(digit) for name, digit in pattern.findall(text)}
