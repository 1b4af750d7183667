"""Playing: who goes on from what, with which random numbers, and that what is kept can be replayed."""

import math

import pytest
import torch

from irg.core import Kind, Role
from irg.rl.episodes import PlayedStep, SiblingGroup
from tests.rl.played import ROLLOUTS, made, play


def alike(one: SiblingGroup, other: SiblingGroup) -> bool:
    pairs = zip(one.siblings, other.siblings, strict=True)
    return all(
        [turn.thought for turn in a.trace.turns] == [turn.thought for turn in b.trace.turns]
        and all(
            torch.allclose(x.latent_NV, y.latent_NV, atol=1e-4)
            for x, y in zip(a.images, b.images, strict=True)
        )
        for a, b in pairs
    )


@pytest.fixture(scope="module")
def step() -> PlayedStep:
    return play(made()[1])


def test_siblings_share_their_beginning_and_go_their_own_ways(step: PlayedStep) -> None:
    assert [group.slot for group in step.groups] == [0, 1]
    for group in step.groups:
        firsts = {sibling.trace.turns[0].image.tobytes() for sibling in group.siblings}
        assert len(firsts) == 1 and len({sibling.grades[0] for sibling in group.siblings}) == 1
        assert len({sibling.trace.turns[1].thought for sibling in group.siblings}) > 1
        for sibling in group.siblings:
            assert len(sibling.trace.turns) == len(sibling.grades) == 3
            roles = [(one.role, one.turn, one.kind) for one in sibling.history[-4:]]
            look = [(Role.IMAGE, 2, Kind.CLEAN), (Role.IMAGE, 2, Kind.VIEW)]
            assert roles[1:3] == look or roles[1:3] == [(Role.IMAGE, 3, kind) for _, _, kind in look]
            assert sibling.history[-1].role is Role.THOUGHT and sibling.history[-1].turn == 3
    assert step.counts["first"] == 2 and step.counts["pictures"] == 2 + 2 * 3 * 2


def test_the_window_is_the_groups_and_its_noise_the_siblings_own(step: PlayedStep) -> None:
    for group in step.groups:
        for turn in (0, 1):
            times = {tuple((one.t, one.t_next) for one in sib.images[turn].steps) for sib in group.siblings}
            assert len(times) == 1 and len(times.pop()) == 2
        noisy = [sibling.images[0].steps[0] for sibling in group.siblings]
        assert not any(torch.equal(noisy[0].after_NV, one.after_NV) for one in noisy[1:])
        assert all(one.t_next > 0 for one in noisy)


def test_it_does_not_matter_who_plays_a_slot(step: PlayedStep) -> None:
    _, run = made()
    again = [*play(run, slots=(1,)).groups, *play(run, slots=(0,)).groups]
    assert alike(again[0], step.groups[1]) and alike(again[1], step.groups[0])
    other = play(run, step=2).groups[0]
    assert not alike(other, step.groups[0])


def test_common_noise_leaves_what_differs_to_the_texts() -> None:
    """Siblings that write alike then draw alike."""
    texts = {"learning": {"flow": 0.0}, "settings": {"num_points": 4, "temperature": 0.0}}
    common = ROLLOUTS | {"temperature": 1e-4, "groups": 1, "redraws": 1}
    (group,) = play(made(rollouts=common, **texts)[1], slots=(0,)).groups
    assert len({sibling.trace.turns[1].image.tobytes() for sibling in group.siblings}) == 1
    assert not group.siblings[0].images[0].steps, "nothing is kept where nothing is learned of it"
    (apart,) = play(made(rollouts=common | {"common_noise": False}, **texts)[1], slots=(0,)).groups
    assert len({sibling.trace.turns[1].image.tobytes() for sibling in apart.siblings}) == 3


def test_a_slot_draws_until_a_first_picture_is_wrong() -> None:
    always = [{"kind": "function", "function": "tests.rl.graders:right"}]
    rollouts = ROLLOUTS | {"groups": 4, "tries": 3, "right": 0.25, "redraws": 1}
    played = play(made(rewards=always, rollouts=rollouts)[1], slots=(0, 1))
    assert played.counts["first"] == 1 + 3, "the first slot takes any, the other one only after all tries"
    assert len(played.groups) == 2


def test_pictures_without_grades_have_no_episodes() -> None:
    silent = [{"kind": "function", "function": "tests.rl.graders:silent"}]
    _, run = made(rewards=silent)
    played = play(run)
    assert played.groups == () and played.counts["ungraded"] == played.counts["pictures"] == 2


def test_how_likely_words_were_is_told(step: PlayedStep) -> None:
    for group in step.groups:
        for sibling in group.siblings:
            for text, segment in zip(
                sibling.texts,
                [one for one in sibling.history if one.turn > 1 and one.role is Role.THOUGHT],
                strict=True,
            ):
                if text.is_own:
                    assert len(text.log_L) == len(segment.ids) + 1
                assert (text.log_L < 0).all() and math.isfinite(text.log_L.sum())
