"""What is learned of an episode, how much of each token, and that replaying gives what was sampled."""

from dataclasses import replace

import pytest
import torch

from irg.core import Kind, Role, pack
from irg.model import PaddedAttend
from irg.rl.episodes import SiblingGroup
from irg.rl.lessons import divided, lessons_of, returned
from irg.rl.settings import LearningMethod, LearningSettings
from irg.run.losses import ModelLosses
from tests.rl.played import made, play, special, well_formed

RECIPE, RUN = made()


@pytest.fixture(scope="module")
def group() -> SiblingGroup:
    return well_formed(play(RUN, slots=(0,)).groups)[0]


def test_texts_are_as_likely_when_they_are_replayed(group: SiblingGroup) -> None:
    """So the first update is on policy: its ratios are 1."""
    network = RUN.objective.network
    assert isinstance(network, ModelLosses)
    lessons = list(lessons_of([group], RECIPE, 0))
    assert lessons
    for lesson in lessons:
        row = pack([lesson.document], special())
        with torch.no_grad():
            found = network(row, PaddedAttend(row), RECIPE.rollouts.temperature)
        own = lesson.weight_L > 0
        assert own.any() and torch.allclose(-found.text_N[own], lesson.log_L[own], atol=1e-4)


def test_steps_are_replayed_by_the_velocity_that_took_them(group: SiblingGroup) -> None:
    """What a step added to where its mean was is the noise that it had, at the spread of the sampler."""
    network, sampler = RUN.objective.network, RECIPE.rollouts.sampler
    lesson = next(lessons_of([group], RECIPE, 0))
    sibling = next(one for one in group.siblings if one.history[-1].ids == lesson.document.segments[-3].ids)
    row = pack([lesson.document], special())
    with torch.no_grad():
        found = network(row, PaddedAttend(row))
    assert len(lesson.images) == 4
    velocities = found.velocity_MV.split([image.num_tokens for image in lesson.images])
    steps = [step for image in sibling.images for step in image.steps]
    for step, image, velocity_NV in zip(steps, lesson.images, velocities, strict=True):
        mean = sampler.mean(step.latent_NV, velocity_NV, step.t, step.t_next)
        noise = (step.after_NV - mean) / sampler.moments(step.t, step.t_next).spread
        assert abs(noise.mean()) < 1 and 0.5 < noise.std() < 1.6
        lost = sampler.likelihood(sampler.target(step), step) - sampler.likelihood(velocity_NV, step)
        error = (velocity_NV - sampler.target(step)).square().mean()
        assert lost.item() == pytest.approx(image.precision * error.item(), rel=1e-3)


def test_tokens_of_an_episode_weigh_one_together(group: SiblingGroup) -> None:
    one = group.siblings[0]
    (start, words) = one.texts[0], [3, 4, 5]
    history = tuple(
        replace(part, data=tuple(words)) if part.role is Role.THOUGHT else part for part in one.history
    )
    plain = replace(start, log_L=-torch.ones(4), is_cut=False, is_own=True)
    texts = replace(plain, is_cut=True), replace(plain, turn=3)
    foreign = replace(plain, is_own=False), texts[1]
    for written, weights in ((texts, [1 / 6] * 3 + [0] + [1 / 8] * 4), (foreign, [0] * 4 + [1 / 8] * 4)):
        changed = replace(one, history=history, texts=written, grades=(0.3, 0.3, 1.0))
        siblings = (changed, *(replace(other, grades=(0.3, 0.3, 0.3)) for other in group.siblings[1:]))
        lesson = next(lessons_of([replace(group, siblings=siblings)], RECIPE, 0))
        assert lesson.weight_L.tolist() == pytest.approx(weights), (
            "an end that the length cap wrote counts nothing"
        )
        assert lesson.advantage == 1.0 and sum(image.weight for image in lesson.images) == pytest.approx(1.0)


def test_reflections_are_learned_and_the_first_thought_is_not(group: SiblingGroup) -> None:
    lesson = next(lessons_of([group], RECIPE, 0))
    learned = [(one.role, one.turn) for one in lesson.document if one.loss]
    assert learned == [(Role.THOUGHT, 2), (Role.THOUGHT, 3)]
    noisy = [one.turn for one in lesson.document if one.kind is Kind.NOISY]
    assert noisy == [2, 2, 3, 3]


def test_the_drawing_of_a_malformed_turn_is_not_learned(group: SiblingGroup) -> None:
    one = group.siblings[0]
    texts = replace(one.texts[0], is_valid=False), replace(one.texts[1], is_valid=True)
    changed = replace(group, siblings=(replace(one, texts=texts), *group.siblings[1:]))
    lesson = next(lessons_of([changed], RECIPE, 0))
    assert [one.turn for one in lesson.document if one.kind is Kind.NOISY] == [3, 3]
    assert lesson.advantage < 0 or RECIPE.returns.malformed == 0


@pytest.mark.parametrize("method", [LearningMethod.NFT, LearningMethod.REJECTION])
def test_finished_pictures_are_learned_in_fresh_noise(group: SiblingGroup, method: LearningMethod) -> None:
    recipe = RECIPE.model_copy(update={"learning": LearningSettings(flow=1.0, method=method)})
    lessons, again = list(lessons_of([group], recipe, 7)), list(lessons_of([group], recipe, 7))
    assert len(lessons) == (1 if method is LearningMethod.REJECTION else 3)
    best = max(group.siblings, key=lambda one: returned(one, recipe))
    for lesson, same in zip(lessons, again, strict=True):
        noisy = [one for one in lesson.document if one.kind is Kind.NOISY]
        assert len(noisy) == 2 and all(image.precision == 1.0 for image in lesson.images)
        for one, other in zip(noisy, (two for two in same.document if two.kind is Kind.NOISY), strict=True):
            assert torch.equal(one.values, other.values) and one.target is not None
            finished = one.values - one.timestep * one.target
            if method is LearningMethod.REJECTION:
                drawn = next(image for image in best.images if image.turn == one.turn)
                assert torch.allclose(finished, drawn.latent_NV, atol=1e-4)


def test_nothing_is_learned_of_a_group_without_a_difference(group: SiblingGroup) -> None:
    same = tuple(replace(one, grades=(0.3, 0.3, 0.3), is_done=False) for one in group.siblings)
    assert list(lessons_of([replace(group, siblings=same)], RECIPE, 0)) == []


def test_no_part_of_a_step_is_longer_than_asked(group: SiblingGroup) -> None:
    short = next(lessons_of([group], RECIPE, 0))
    segments = short.document.segments
    long = replace(short, document=replace(short.document, segments=(*segments, *segments)))
    size = short.document.num_tokens
    parts = divided([short, long, short, short], 2 * size)
    assert [[one is long for one in part] for part in parts] == [[False], [True], [False, False]]
    assert divided([long, short], size) == [[long], [short]] and divided([], size) == []
