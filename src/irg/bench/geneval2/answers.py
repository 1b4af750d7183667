"""GenEval 2: which words answer a question, and what the answers to all questions of a prompt amount to.

A question that begins with "How many" is answered by its number; any other by yes, whatever its listed
answer.
"""

from collections.abc import Mapping, Sequence
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


def by_skill(skills: Sequence[Sequence[str]], scores: Sequence[Sequence[float]]) -> Mapping[str, list[float]]:
    """The scores of the questions of all prompts, by the skill that each asks for.

    Raises ValueError for a skill that the benchmark does not know, or another number of scores than
    questions.
    """
    found: dict[str, list[float]] = {skill: [] for skill in SKILLS}
    for asked, answered in zip(skills, scores, strict=True):
        if len(asked) != len(answered):
            raise ValueError(f"{len(answered)} scores of {len(asked)} questions: expected one for each")
        for skill, score in zip(asked, answered, strict=True):
            if skill not in found:
                raise ValueError(f"skill {skill!r}: expected one of {', '.join(SKILLS)}")
            found[skill].append(score)
    return found
