"""GenEval 2: which words answer a question, and what the answers to all questions of a prompt amount to.

A question that begins with "How many" is answered by its number; any other by yes, whatever its listed
answer.
"""

from collections.abc import Sequence
from math import exp, log

NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
}
_NO_NUMBER = "other"
"""Stands for the digits of any other answer."""
SKILLS = ("object", "attribute", "count", "position", "verb")
ATOMICITIES = tuple(range(3, 11))


def accepted(question: str, answer: str) -> tuple[str, ...]:
    """The strings that answer a question; one may stand twice, and then counts twice."""
    if not question.startswith("How many"):
        return "Yes", "yes", " yes", " Yes"
    digits = NUMBERS.get(answer, _NO_NUMBER)
    return answer, answer.capitalize(), f" {answer}", f" {answer.capitalize()}", digits, f" {digits}"


def matches(word: str, question: str, answer: str) -> bool:
    """TIFA: whether the likeliest word is one of them."""
    return word.lower() in accepted(question, answer)


def arithmetic(scores: Sequence[float]) -> float:
    """The arithmetic mean of the scores of a prompt's questions. Raises ValueError if there are none."""
    if not scores:
        raise ValueError("a prompt without questions has no score")
    return sum(scores) / len(scores)


def geometric(scores: Sequence[float]) -> float:
    """Their geometric mean, which is 0 as soon as one of them is."""
    if not scores:
        raise ValueError("a prompt without questions has no score")
    return exp(sum(log(score) for score in scores) / len(scores)) if all(scores) else 0.0
