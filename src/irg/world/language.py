"""Scenes, flaws and lessons in words: pure text, of a closed vocabulary.

One door to `sentences` (thoughts and reflections, and reading them back), `flaws` (what a reflection is
about) and `lessons` (captions, questions and instructions).
"""

from irg.world.flaws import Flaw, FlawKind, compare
from irg.world.lessons import VOCABULARY_TEXTS, caption, questions, sample_edit
from irg.world.sentences import parse_reflection, parse_thought, reflection, thought

__all__ = [
    "VOCABULARY_TEXTS",
    "Flaw",
    "FlawKind",
    "caption",
    "compare",
    "parse_reflection",
    "parse_thought",
    "questions",
    "reflection",
    "sample_edit",
    "thought",
]
