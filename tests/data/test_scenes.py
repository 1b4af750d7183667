from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from numpy.random import Generator
from PIL import Image

from irg.core import Grid
from irg.data.modes import Dropout, Mode, Noising, compose
from irg.data.scenes import (
    COMPARE_QUESTION,
    NOTHING_WRONG,
    PLAN_QUESTION,
    SYSTEM_PROMPT,
    Episode,
    Preparer,
    edit_episode,
    from_sample,
    improving_episode,
    initial_episode,
    question_episode,
    training_prompt,
)
from irg.prep import patches, to_pixels
from irg.world import (
    Family,
    Flaw,
    FlawKind,
    Scene,
    Size,
    compare,
    fulfil,
    fulfils,
    is_held_out,
    judge,
    parse,
    parse_reflection,
    parse_thought,
    questions,
    read,
    reflection,
    render,
    thought,
)
from irg.world.grammar import is_held_out_text
from irg.world.sentences import NOTHING_WRONG as NO_FLAW
from tests.data.drawn import drawn
from tests.data.small import random_autoencoder, random_model, tokenizer


@cache
def improving(count: int = 150) -> tuple[Episode, ...]:
    rng = np.random.default_rng(11)
    return tuple(improving_episode(rng) for _ in range(count))


@cache
def preparer() -> Preparer:
    return Preparer(random_model(), random_autoencoder(), tokenizer())


def sizeless(flaw: Flaw) -> Flaw:
    """Reflections do not say how large something extra is."""
    if flaw.kind is FlawKind.EXTRA and flaw.seen:
        return replace(flaw, seen=replace(flaw.seen, size=Size.SMALL))
    return flaw


def test_reflections_are_true() -> None:
    for episode in improving()[:60]:
        plan = parse_thought(episode.thoughts[0])
        stated, better = parse_reflection(episode.thoughts[1])
        assert better == plan
        assert [sizeless(flaw) for flaw in compare(read(episode.pictures[0]), plan)] == list(stated)


def test_the_second_picture_is_the_plan_and_fulfils_the_prompt() -> None:
    for episode in improving()[:60]:
        seen = read(episode.pictures[1])
        assert seen.scene.same_content(parse_thought(episode.thoughts[0]))
        assert judge(parse(episode.prompt), seen).correct


def test_what_is_right_stays_where_it_is() -> None:
    """Outside of the zones of flaws, and with one background, the pictures are the same to the pixel."""
    compared = 0
    for episode in improving()[:60]:
        flaws, plan = parse_reflection(episode.thoughts[1])
        first, second = (picture.astype(int) for picture in episode.pictures)
        if any(flaw.kind is FlawKind.BACKGROUND for flaw in flaws):
            continue
        zones = {flaw.zone for flaw in flaws}
        for thing in plan.objects:
            if thing.zone not in zones:
                place = read(episode.pictures[1]).scene.at(thing.zone)
                assert place is not None and place.pose is not None
                x, y = round(place.pose.x), round(place.pose.y)
                middle = np.s_[y - 6 : y + 7, x - 6 : x + 7]
                assert (first[middle] == second[middle]).all()
                compared += 1
    assert compared > 30


def test_the_asked_share_of_first_pictures_is_right() -> None:
    right = [episode.thoughts[1].startswith(NO_FLAW) for episode in improving()]
    assert abs(np.mean(right) - NOTHING_WRONG) < 0.11  # three standard errors
    assert right == [not episode.flawed for episode in improving()]
    for episode, is_right in zip(improving()[:40], right, strict=False):
        assert is_right == (episode.pictures[0] == episode.pictures[1]).all()


def test_initial_episodes_show_their_plan() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        episode = initial_episode(rng)
        (plan,), (picture,) = map(parse_thought, episode.thoughts), episode.pictures
        assert read(picture).scene.same_content(plan) and fulfils(plan, parse(episode.prompt))


def test_answers_are_true() -> None:
    rng = np.random.default_rng(0)
    asked: Counter[bool] = Counter()
    for _ in range(60):
        episode = question_episode(rng)
        seen = read(episode.pictures[0]).scene
        # Which of a kind's questions is asked is random: ask often.
        answers = dict(pair for _ in range(40) for pair in questions(seen, rng))
        assert answers.get(episode.question, episode.answer) == episode.answer
        asked[episode.question in answers] += 1
    assert asked[True] > 50


def test_edits_change_what_they_say_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        episode = edit_episode(rng)
        before, after = (read(picture).scene for picture in episode.pictures)
        assert before.background is after.background
        zones = {*before.content.objects} ^ {*after.content.objects}
        assert len({thing.zone for thing in zones}) == 1
        (zone,) = {thing.zone for thing in zones}
        assert episode.prompt.endswith(zone) or f" {zone} " in episode.prompt


def test_a_models_picture_gets_a_right_target_that_keeps_what_was_right() -> None:
    rng = np.random.default_rng(4)
    kept = 0
    for episode in improving()[:40]:
        sampled = from_sample(episode.prompt, episode.thoughts[0], episode.pictures[0], rng)
        assert sampled.pictures[0] is episode.pictures[0]
        assert (sampled.prompt, sampled.thoughts[0]) == (episode.prompt, episode.thoughts[0])
        stated, target = parse_reflection(sampled.thoughts[1])
        assert fulfils(target, parse(episode.prompt)) and sampled.flawed == bool(stated)
        before, after = (read(picture) for picture in sampled.pictures)
        assert after.scene.same_content(target)
        assert [sizeless(flaw) for flaw in compare(before, target)] == list(stated)
        kept += same_places(before.scene, after.scene)
    assert kept > 40


def same_places(before: Scene, after: Scene) -> int:
    """Counts the objects that both show, having checked that they are in the same place in both."""
    count = 0
    for thing in after.objects:
        old = before.at(thing.zone)
        if old is not None and old.content == thing.content:
            assert old.pose is not None and thing.pose is not None
            assert np.hypot(old.pose.x - thing.pose.x, old.pose.y - thing.pose.y) < 1.0
            assert abs(old.pose.radius - thing.pose.radius) < 0.6
            count += 1
    return count


def test_a_senseless_thought_is_kept_and_answered_by_a_right_plan() -> None:
    rng = np.random.default_rng(4)
    for episode in improving()[:10]:
        sampled = from_sample(episode.prompt, "a red red on.", episode.pictures[0], rng)
        assert sampled.thoughts[0] == "a red red on."
        assert judge(parse(episode.prompt), read(sampled.pictures[1])).correct


def test_a_plan_that_misses_the_request_is_not_the_target() -> None:
    rng = np.random.default_rng(4)
    request = parse("a red circle")
    wrong = fulfil(parse("two blue squares"), rng)
    sampled = from_sample("a red circle", thought(wrong), render(wrong), rng)
    assert fulfils(parse_reflection(sampled.thoughts[1])[1], request)
    assert judge(request, read(sampled.pictures[1])).correct


def test_training_sees_no_held_out_text() -> None:
    rng = np.random.default_rng(5)
    prompts = [training_prompt(rng) for _ in range(300)]
    assert not any(is_held_out_text(prompt) for prompt in prompts)
    assert not any(is_held_out_text(episode.prompt) for episode in improving())
    assert {parse(prompt).family for prompt in prompts} == set(Family)


def test_training_shows_no_held_out_pair_or_count() -> None:
    for episode in improving():
        flaws, plan = parse_reflection(episode.thoughts[1])
        assert not is_held_out(plan)
        assert not flaws or not is_held_out(read(episode.pictures[0]).scene)
    rng = np.random.default_rng(6)
    for make in (initial_episode, question_episode, edit_episode):
        for _ in range(50):
            for picture in make(rng).pictures:
                assert not is_held_out(read(picture).scene)


def test_the_check_for_held_out_scenes_can_fail() -> None:
    rng = np.random.default_rng(7)
    for prompt in ("a green star", "three stars"):
        assert is_held_out(read(render(fulfil(parse(prompt), rng))).scene)


@pytest.mark.parametrize("make", [improving_episode, question_episode, edit_episode])
def test_prepared_pictures_are_those_of_the_autoencoder(make: Callable[[Generator], Episode]) -> None:
    episodes = [make(np.random.default_rng(seed)) for seed in range(3)]
    autoencoder = random_autoencoder()
    for episode, prepared in zip(episodes, preparer()(episodes), strict=True):
        assert len(prepared.pictures) == len(episode.pictures)
        for array, ready in zip(episode.pictures, prepared.pictures, strict=True):
            pixels = to_pixels([Image.fromarray(array)])
            with torch.no_grad():
                cells = autoencoder.encode(pixels)[0]
            assert ready.latent_grid == Grid(8, 8) and ready.patch_grid == Grid(8, 8)
            assert ready.latents.shape == (64, 8) and ready.patches.shape == (64, 768)
            for row, column in ((0, 0), (2, 5), (7, 7)):
                cell = cells[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].permute(1, 2, 0).flatten()
                close = torch.allclose(ready.latents[8 * row + column].float(), cell, rtol=0.05, atol=0.02)
                assert close, "further from the float32 latents than bfloat16 rounding"
            assert torch.equal(ready.patches, patches(pixels[0], 16).bfloat16())


def test_prepared_texts_are_the_episodes() -> None:
    improved, asked = improving()[0], question_episode(np.random.default_rng(1))
    decode = tokenizer().decode
    one, other = preparer()([improved, asked])
    assert decode(one.system) == SYSTEM_PROMPT and decode(one.prompt) == improved.prompt
    assert tuple(map(decode, one.thoughts)) == improved.thoughts
    assert decode(one.question) == COMPARE_QUESTION and one.answer == ()
    assert (decode(other.question), decode(other.answer)) == (asked.question, asked.answer)
    initial = preparer()([initial_episode(np.random.default_rng(1))])[0]
    assert decode(initial.question) == PLAN_QUESTION


def test_prepared_episodes_serve_their_modes() -> None:
    generator = torch.Generator().manual_seed(0)
    rng = np.random.default_rng(2)
    modes = {
        Mode.IMPROVING_FULL: (improving_episode, "S P1 T1 C1 V1 T2* N2*"),
        Mode.QUESTION: (question_episode, "V1 Q1 T1*"),
        Mode.EDIT: (edit_episode, "C1 V1 P2 N2*"),
        Mode.INITIAL_FULL: (initial_episode, "S P1 T1* N1*"),
    }
    for mode, (make, expected) in modes.items():
        (ready,) = preparer()([make(rng)])
        assert drawn(compose(mode, ready, Noising(), Dropout(), generator)) == expected


def test_one_seed_makes_one_episode() -> None:
    for make in (improving_episode, question_episode, edit_episode, initial_episode):
        one, same = make(np.random.default_rng(3)), make(np.random.default_rng(3))
        assert (one.prompt, one.thoughts, one.question, one.answer) == (
            same.prompt,
            same.thoughts,
            same.question,
            same.answer,
        )
        for picture, again in zip(one.pictures, same.pictures, strict=True):
            assert (picture == again).all()


def test_a_reflection_in_words_says_what_the_oracle_saw() -> None:
    """The words of a reflection are those of the picture's true flaws, size of extra objects and all."""
    for episode in improving()[60:80]:
        plan = parse_thought(episode.thoughts[0])
        assert reflection(compare(read(episode.pictures[0]), plan), plan) == episode.thoughts[1]
