"""How well text in a picture is the text that was asked for, by what a reader of text finds in it.

A measure of its own, which is no part of the overall score. Facts of A113N-W3I/TIIF-Bench (3aae750).
"""

from collections.abc import Sequence

import numpy as np

from irg.bench.distance import edit_distance

SAME = 0.3
"""The largest normalised distance at which a word counts as found."""


def distance(one: str, other: str) -> float:
    """The edit distance as a share of the longer one's length."""
    longest = max(len(one), len(other))
    return edit_distance(one, other) / longest if longest else 0.0


def global_distance(expected: Sequence[str], found: Sequence[str]) -> float:
    """The mean distance of words, matched so that it is least (GNED); one without a partner is wholly wrong.

    What was found is split at blanks, what was expected is not.
    """
    from scipy.optimize import linear_sum_assignment

    words = _words(found)
    if not expected and not words:
        return 0.0
    cost = np.array([[distance(word, wanted) for wanted in expected] for word in words])
    cost = cost.reshape(len(words), len(expected))
    matched = cost[linear_sum_assignment(cost)].sum()
    return float(matched + abs(len(words) - len(expected))) / max(len(words), len(expected))


def recall(expected: Sequence[str], found: Sequence[str]) -> float:
    """The share of expected words that have a word of their own that is the same or nearly so; the first
    that fits is taken."""
    words = _words(found)
    num_found = 0
    for wanted in expected:
        match = next((at for at, word in enumerate(words) if distance(wanted, word) <= SAME), None)
        if match is not None:
            del words[match]
            num_found += 1
    return num_found / len(expected)


def _words(found: Sequence[str]) -> list[str]:
    return [word for text in found for word in text.split(" ")]
