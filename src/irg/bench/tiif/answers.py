"""TIIF's questions and answers: all of an item's questions at once, an answer a line.

Facts of A113N-W3I/TIIF-Bench (3aae750).
"""

import re
from collections.abc import Sequence

from irg.endpoint.structured import UnfitAnswerError

PLACE = "##YNQuestions##"
"""Where a template has the questions."""
_ANSWER = re.compile(r"^(yes|no)\b", re.IGNORECASE)


def fill(template: str, questions: Sequence[str]) -> str:
    return template.replace(PLACE, "\n".join(question.strip() for question in questions))


def read_answers(text: str, num_questions: int) -> list[str]:
    """The lines that begin with yes or no, in small letters; all others are passed over.

    Raises UnfitAnswerError unless there is one for each question: which is whose cannot be told then, and the
    question is asked again.
    """
    found = [match[1].lower() for line in text.split("\n") if (match := _ANSWER.match(line.strip()))]
    if len(found) != num_questions:
        raise UnfitAnswerError(f"it gives {len(found)} answers, expected {num_questions}")
    return found


def agree(expected: str, answer: str) -> bool:
    return expected.strip().lower() == answer.strip().lower()
