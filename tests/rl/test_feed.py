"""What feeds a run: a service that goes away loses nothing, and guards end what has gone wrong."""

from dataclasses import replace
from typing import Any

import pytest

from irg.rl.feed import PlayedFeed
from irg.rl.rewards import GradesLostError, NoGrade, WeighedPart
from irg.run.loop import StoppedError
from tests.rl.played import made


def feed_of(run: Any) -> PlayedFeed:
    assert isinstance(run.feed, PlayedFeed)
    return run.feed


def test_a_step_is_fed_with_lessons_and_what_they_came_from() -> None:
    _, run = made(rollouts={"groups": 2, "siblings": 3, "tries": 1, "temperature": 1.0})
    feed = feed_of(run)
    first = next(iter(feed))
    assert first.state["step"] == 1 and {"reward", "valid", "repair", "damage"} <= first.values.keys()
    assert 0 < len(first.rows.lessons) <= 6 and first.rows.num_forwards == 1 and first.seconds_waited > 0
    again = feed_of(made(rollouts={"groups": 2, "siblings": 3, "tries": 1, "temperature": 1.0})[1])
    again.restore({"step": 1, "done": []})
    other = next(iter(again))
    assert other.state["step"] == 2 and other.values != first.values


def test_long_steps_are_divided() -> None:
    _, run = made(learning={"flow": 1.0, "tokens": 100})
    fed = next(iter(feed_of(run)))
    forwards = run.objective.forwards(fed.rows)
    assert fed.rows.num_forwards == len(forwards) > 1
    assert all(one.tokens <= 100 or one.documents == 1 for one in forwards)
    assert sum(one.documents for one in forwards) == len(fed.rows.lessons)


class Dying:
    """Answers about so many pictures, and then about none."""

    name, identity = "dying", {"part": "dying"}

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, pictures: Any, /) -> list[Any]:
        known = [0.1 * (number % 5) for number in range(min(max(self.left, 0), len(pictures)))]
        grades = [*known, *[NoGrade("gone")] * (len(pictures) - len(known))]
        self.left -= len(pictures)
        return grades


def test_rewards_that_go_away_end_the_run_with_what_they_said() -> None:
    _, run = made()
    feed = feed_of(run)
    rewards = feed.player.rewards
    rewards.parts = (WeighedPart(Dying(2), 1.0),)
    rewards.unanswered["dying: gone"] = 3  # of an earlier step
    with pytest.raises(GradesLostError, match=r"12 of 14 pictures have no grade.*dying: gone \(12\)"):
        next(iter(feed))
    assert feed.step == 0, "the step was not taken"


def test_a_few_pictures_without_a_grade_are_left_out() -> None:
    _, run = made(guards={"unanswered": 1.0, "malformed": 1.0})
    feed = feed_of(run)
    feed.player.rewards.parts = (WeighedPart(Dying(7), 1.0),)
    fed = next(iter(feed))
    assert 0 < fed.values["rollouts/ungraded"] < 1 and feed.step == 1


def test_guards_end_a_run_whose_episodes_have_gone_wrong() -> None:
    _, run = made(guards={"malformed": 0.01})
    with pytest.raises(StoppedError, match=r"malformed text, more than guards\.malformed 1%"):
        next(iter(feed_of(run)))
    recipe, run = made(guards={"malformed": 1.0, "done": [0.5, 0.9]})
    feed = replace(feed_of(run), done=[0.0] * 9)
    with pytest.raises(StoppedError, match=r"0\.0% of the last reflections of 10 steps"):
        next(iter(feed))
    assert recipe.guards.done == (0.5, 0.9)
