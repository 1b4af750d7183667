import math
from dataclasses import replace

import pytest

from irg.rl.account import episode_sums, over_all, shares, sums_of
from tests.rl.played import ALONE, made, play


def test_a_step_is_told_in_shares_of_what_was_played() -> None:
    recipe, run = made()
    played = play(run)
    first, second = (
        replace(group, siblings=tuple(replace(one, grades=grades) for one in group.siblings))
        for group, grades in zip(played.groups, ((0.3, 0.4, 1.0), (1.0, 1.0, 0.2)), strict=True)
    )
    other = replace(second.siblings[0], grades=(1.0, 1.0, 1.0), is_done=False)
    second = replace(second, siblings=(other, *second.siblings[1:]))
    sums = over_all(sums_of(replace(played, groups=(first, second)), recipe), ALONE)
    found = shares(sums)
    assert found["repair"] == 1.0 and found["damage"] == pytest.approx(2 / 3)
    assert found["rollouts/last_right"] == pytest.approx(4 / 6) and found["rollouts/dead"] == 0.5
    worth = 3 * (1 + 0.3 * 0.7) + 1.0 + 2 * (0.2 - 0.5 * 0.8)
    assert found["reward"] == pytest.approx(worth / 6)
    assert found["rollouts/ungraded"] == 0.0


def test_a_share_of_nothing_is_no_number() -> None:
    found = shares(over_all({}, ALONE))
    assert all(math.isnan(value) for value in found.values())
    assert {"reward", "valid", "repair", "damage"} <= found.keys()
    assert episode_sums([]) == {}
