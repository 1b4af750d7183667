"""The losses of episodes, against what they are by hand."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from irg.model import PaddedAttend
from irg.rl.lessons import lessons_of
from irg.rl.objective import MOST_EXACT, Practice, RlObjective, bounded_k3
from irg.rl.settings import LearningMethod, LearningSettings
from irg.run.step import backward
from tests.rl.played import ALONE, made, play, well_formed

RECIPE, RUN = made()


@pytest.fixture(scope="module")
def practice() -> Practice:
    return Practice(tuple(lessons_of(well_formed(play(RUN).groups), RECIPE, 0)), 2)


@pytest.fixture
def objective() -> Iterator[RlObjective]:
    found = RUN.objective
    assert isinstance(found, RlObjective)
    yield replace(found, network=copy.deepcopy(found.network))


def test_the_distance_of_texts_is_exact_nearby_and_straight_beyond() -> None:
    near = torch.tensor([-3.0, 0.0, 2.0])
    assert torch.allclose(bounded_k3(near), near.exp() - 1 - near)
    far = torch.tensor([-30.0, 25.0], requires_grad=True)
    found = bounded_k3(far)
    found.sum().backward()
    slope = torch.tensor([-MOST_EXACT, MOST_EXACT]).exp() - 1
    assert far.grad is not None and torch.allclose(far.grad, slope), "what ran away is still pulled back"
    assert found.isfinite().all()


def test_losses_are_means_over_episodes_however_they_are_divided(
    practice: Practice, objective: RlObjective
) -> None:
    once = backward(objective, objective.forwards(replace(practice, num_forwards=1)), ALONE)
    gradients = [parameter.grad for parameter in objective.model.parameters()]
    objective.model.zero_grad()
    twice = backward(objective, objective.forwards(practice), ALONE)
    assert once.losses == pytest.approx(twice.losses, rel=1e-4, abs=1e-6)
    for one, parameter in zip(gradients, objective.model.parameters(), strict=True):
        if one is not None and parameter.grad is not None:
            assert torch.allclose(one, parameter.grad, atol=1e-4, rtol=1e-3)
    assert once.documents == len(practice.lessons)


def test_texts_count_by_their_advantage(practice: Practice, objective: RlObjective) -> None:
    found = backward(objective, objective.forwards(practice), ALONE).losses
    total = 0.0
    for lesson in practice.lessons:
        total += lesson.advantage * -(lesson.weight_L * lesson.log_L).sum().item()
    whole = sum(lesson.weight_L.sum().item() for lesson in practice.lessons)
    assert found["text"] == pytest.approx(total / whole, rel=1e-3, abs=1e-4)
    assert found["deviation"] < 1e-4 and found["runaway"] == 0.0 and found["entropy"] > 1
    assert found["kl_text"] == pytest.approx(0, abs=1e-6), "it has not moved yet"
    assert found["kl_flow"] == pytest.approx(0, abs=1e-6)


def test_the_gradient_makes_better_siblings_likelier(practice: Practice, objective: RlObjective) -> None:
    def worth() -> float:
        """Mean of advantage times log-probability, steps and texts alike."""
        with torch.no_grad():
            forwards = objective.forwards(practice)
            sums = [objective(one).term_K for one in forwards]
        return -torch.stack(sums).sum(0)[[0, 2]].sum().item()

    before = worth()
    backward(objective, objective.forwards(practice), ALONE)
    with torch.no_grad():
        for parameter in objective.model.parameters():
            if parameter.grad is not None:
                parameter -= 1e-4 * parameter.grad
    assert worth() > before


def test_distance_grows_as_the_model_moves(practice: Practice, objective: RlObjective) -> None:
    with torch.no_grad():
        for parameter in objective.model.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    found = backward(objective, objective.forwards(practice), ALONE).losses
    assert found["kl_text"] > 1e-4 and found["kl_flow"] > 1e-5 and found["deviation"] > 1e-3
    tight = replace(objective, runaway=1e-3)
    assert backward(tight, tight.forwards(practice), ALONE).losses["runaway"] > 0


def test_terms_weigh_what_the_recipe_says(objective: RlObjective) -> None:
    names = ["text", "kl_text", "flow", "kl_flow", "anchor_text", "anchor_flow"]
    assert list(objective.terms) == names
    alone = replace(objective, learning=LearningSettings(text=0, flow=2.0, kl_text=1.0, kl_flow=0.5))
    assert list(alone.terms.values()) == [0.0, 0.0, 2.0, 0.5, 0.0, 0.0], "no distance of what does not learn"


def test_a_process_with_fewer_episodes_fills_up(practice: Practice, objective: RlObjective) -> None:
    few = Practice(practice.lessons[:1], 3)
    found = backward(objective, objective.forwards(few), ALONE)
    assert found.documents == 1 and torch.tensor(found.losses["loss"]).isfinite()


def by_nft(practice: Practice, objective: RlObjective) -> tuple[RlObjective, Practice]:
    recipe: Any = RECIPE.model_copy(
        update={"learning": LearningSettings(flow=1.0, method=LearningMethod.NFT)}
    )
    lessons = tuple(lessons_of(well_formed(play(RUN).groups), recipe, 0))
    return replace(objective, learning=recipe.learning), replace(practice, lessons=lessons)


def test_nft_draws_towards_better_pictures_and_away_from_worse(
    practice: Practice, objective: RlObjective
) -> None:
    nft, lessons = by_nft(practice, objective)
    (forward,) = nft.forwards(replace(lessons, num_forwards=1))

    def errors() -> torch.Tensor:
        with torch.no_grad():
            return nft.network(forward.packed, PaddedAttend(forward.packed)).flow_MV.mean(-1)

    before = errors()
    text_free = replace(
        nft, learning=LearningSettings(text=0, flow=1.0, kl_flow=0, method=LearningMethod.NFT)
    )
    backward(text_free, [forward], ALONE)
    with torch.no_grad():
        for parameter in nft.model.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad
    change = ((errors() - before) * forward.advantage_M * forward.weight_M).sum()
    assert change < 0


def test_nft_pays_no_heed_to_a_row_without_pictures(practice: Practice, objective: RlObjective) -> None:
    nft, lessons = by_nft(practice, objective)
    found = backward(nft, nft.forwards(replace(lessons, lessons=lessons.lessons[:1], num_forwards=2)), ALONE)
    assert torch.tensor(found.losses["flow"]).isfinite()
