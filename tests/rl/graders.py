"""Rewards that a test can have: functions as users write them."""

import os
from pathlib import Path

import numpy as np

from irg.rl.rewards import GradedPicture

WORD = "red"


def wanted(shown: GradedPicture) -> float:
    """Whether the text that led to a picture has a word in it."""
    return float(WORD in shown.thought)


def redness(shown: GradedPicture) -> float:
    """How much redder than green and blue a picture is, on average; never right."""
    mean_C = np.asarray(shown.picture.open(), dtype=float).mean(axis=(0, 1)) / 255
    return float(np.clip(0.5 + mean_C[0] - mean_C[1:].mean(), 0, 1)) * 0.98


def silent(shown: GradedPicture) -> float:
    return float("nan")


def nothing_right(shown: GradedPicture) -> float:
    """By the picture's bytes alone, so that everyone grades alike."""
    return int(shown.picture.digest[:4], 16) / (1 << 17)


def broken(shown: GradedPicture) -> float:
    return 1 / 0


def right(shown: GradedPicture) -> float:
    return 1.0


def redness_for_a_while(shown: GradedPicture) -> float:
    """As `redness`, for so many pictures as a file says."""
    left = Path(os.environ["IRG_TEST_GRADES"])
    number = int(left.read_text())
    left.write_text(str(number - 1))
    if number <= 0:
        raise ConnectionError("gone")
    return redness(shown)
