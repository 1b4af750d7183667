"""What the texts of an episode must be like to be taken for thoughts and reflections."""

from typing import Protocol

from irg.world import parse_reflection, parse_thought


class Form(Protocol):
    """Of the thought of turn 1 and the reflections after it."""

    def is_valid(self, text: str, turn: int) -> bool:
        """Whether a text that came to its end by itself says what such a text says."""
        ...

    def is_done(self, text: str) -> bool:
        """Whether a valid reflection finds nothing to change."""
        ...


class SceneForm:
    """The sentences of the scene world."""

    def is_valid(self, text: str, turn: int) -> bool:
        try:
            parse_thought(text) if turn == 1 else parse_reflection(text)
        except ValueError:
            return False
        return True

    def is_done(self, text: str) -> bool:
        flaws, _ = parse_reflection(text)
        return not flaws


class PlainForm:
    """Any words, of which nobody knows whether they find something to change."""

    def is_valid(self, text: str, turn: int) -> bool:
        return bool(text.strip())

    def is_done(self, text: str) -> bool:
        return False


def form_of(world: str | None) -> Form:
    """That of a checkpoint's world."""
    return SceneForm() if world == "scenes" else PlainForm()
