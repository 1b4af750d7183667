"""Documents drawn as strings: kind or role, turn, and a star where there is loss."""

from collections.abc import Iterable

from irg.core import Kind, Role, Segment

_TEXTS = {Role.SYSTEM: "S", Role.PROMPT: "P", Role.THOUGHT: "T", Role.QUESTION: "Q"}
_IMAGES = {Kind.VIEW: "V", Kind.CLEAN: "C", Kind.NOISY: "N"}


def drawn(segments: Iterable[Segment]) -> str:
    """Such as `S P1 T1* N1*`."""
    return " ".join(_drawn(segment) for segment in segments)


def _drawn(segment: Segment) -> str:
    letter = _TEXTS[segment.role] if segment.kind is Kind.TEXT else _IMAGES[segment.kind]
    has_loss = segment.loss or segment.target is not None
    return letter + (str(segment.turn) if segment.turn else "") + ("*" if has_loss else "")
