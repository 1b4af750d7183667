"""What episodes are worth, by the published examples, and how siblings are compared."""

from itertools import pairwise

import pytest

from irg.rl.returns import advantages, episode_return, is_dead, weights
from irg.rl.settings import LearningMethod, ReturnSettings

USUAL = ReturnSettings()


@pytest.mark.parametrize(
    ("grades", "is_done", "worth"),
    [
        ((0.3, 1.0, 1.0, 1.0), False, 1.21),
        ((0.3, 0.36, 0.15, 1.0), False, 1 + 0.3 * (0.06 + 0.85) - 0.5 * 0.21),
        ((0.3, 0.3, 0.3, 0.3), False, 0.30),
        ((1.0, 1.0), True, 1.0),
        ((0.3, 0.3), True, -0.2),
        ((1.0, 0.4), False, 0.4 - 0.3),
    ],
)
def test_an_episode_is_worth_its_end_and_what_led_there(
    grades: tuple[float, ...], is_done: bool, worth: float
) -> None:
    assert episode_return(grades, is_done, USUAL) == pytest.approx(worth)


def test_breaking_and_mending_does_not_pay() -> None:
    assert episode_return((1.0, 0.4, 1.0), True, USUAL) < episode_return((1.0, 1.0, 1.0), True, USUAL)
    with pytest.raises(ValueError, match="breaking and mending would pay"):
        ReturnSettings(gain=0.6)


def test_siblings_are_compared_with_their_mean() -> None:
    found = advantages([0.2, 0.2, 1.2], [True] * 3, USUAL)
    assert found == pytest.approx([-0.7071, -0.7071, 1.0], abs=1e-3), "the best is held at 1"
    close = advantages([0.50, 0.52], [True] * 2, USUAL)
    assert close == pytest.approx([-0.1, 0.1]), "little differences stay little: the spread has a floor"
    assert advantages([0.3] * 4, [True] * 4, USUAL) == [0.0] * 4


def test_what_is_malformed_is_pushed_down_whatever_it_was_worth() -> None:
    found = advantages([0.2, 0.2, 1.2], [True, False, False], USUAL)
    assert found == pytest.approx([-0.7071, -1.0, -0.5], abs=1e-3)
    assert advantages([0.3] * 3, [False] * 3, USUAL) == [-0.5] * 3, "a group of nothing else hides nothing"


def test_rejection_sampling_imitates_the_best_that_is_well_formed() -> None:
    found = weights(LearningMethod.REJECTION, [0.2, 1.2, 0.9, 0.9], [True, False, True, True], USUAL)
    assert found == [0.0, 0.0, 1.0, 0.0]
    assert weights(LearningMethod.REJECTION, [0.9, 0.9], [True, True], USUAL) == [0.0, 0.0]
    assert weights(LearningMethod.REJECTION, [0.1, 0.9], [False, False], USUAL) == [0.0, 0.0]
    for method in (LearningMethod.GRPO, LearningMethod.NFT):
        assert weights(method, [0.2, 1.2], [True] * 2, USUAL) == advantages([0.2, 1.2], [True] * 2, USUAL)


def test_groups_without_a_difference_are_dead() -> None:
    assert is_dead([0.3, 0.3]) and is_dead([0.5]) and not is_dead([0.3, 0.31])
    assert all(a < b for a, b in pairwise(advantages([0.1, 0.2, 0.3], [True] * 3, USUAL)))
