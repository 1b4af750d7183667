from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from irg.bench.noise import fork
from irg.bench.scene.comparison import CompareOptions, compare_items
from irg.bench.scene.conditions import ABLATIONS, ALTERNATIVES, Condition, Scope
from irg.bench.scene.records import BestOfTwo, PictureCost
from irg.bench.scene.trials import Trial, num_named, wrong_scene
from irg.core.events import ImageDone, ThoughtDone
from irg.pipeline import Pipeline, Rollout, TurnPlan
from irg.pipeline.episode import RowEvent
from irg.world import fulfil, fulfils, parse
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

TURNS = 3
ALL = Scope(TURNS, alternatives=True, ablations=True)
RECORDS = compare_items(CompareOptions(2, (5,)))[:2]


def pipeline_of(**changes: object) -> Pipeline:
    chosen = settings(128).model_copy(update={"temperature": 0.5, **changes})
    return Pipeline(random_model().eval(), random_autoencoder().eval(), tokenizer(), chosen)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return pipeline_of()


@pytest.fixture(scope="module")
def trial(pipeline: Pipeline) -> Trial:
    return run(pipeline, ALL)


def run(pipeline: Pipeline, scope: Scope) -> Trial:
    trial = Trial(pipeline, RECORDS, scope)
    trial.run()
    return trial


def picture(trial: Trial, name: str, row: int = 0) -> np.ndarray:
    return np.asarray(trial.images[name][row]).astype(int)


def test_every_condition_is_drawn_and_scored(trial: Trial) -> None:
    turns = {f"turn{turn}" for turn in range(1, TURNS + 1)}
    expected = {Condition.DIRECT, *ALTERNATIVES, *ABLATIONS, *turns} - {
        Condition.IMAGE_BRANCH,
        Condition.GUIDED,
    }
    drawn_anew = expected - {Condition.BEST_OF_2}
    assert ALL.num_pictures == len(drawn_anew) + 1
    for record in trial.records:
        assert set(record.results) == expected
        for result in record.results.values():
            assert 0 <= result.fidelity.score <= 1 and result.correct == (not result.flaws)


def test_turns_and_drawing_at_once_are_those_of_the_plain_benchmark(pipeline: Pipeline, trial: Trial) -> None:
    prompts, seeds = [item.prompt for item in trial.items], [item.seeds[0] for item in trial.items]
    for plan, shift in ((trial.plan, 0), (pipeline.settings.plan(turns=1, think=False), -1)):
        for row, event in pipeline.generate_batch(prompts, plan, seeds):
            if isinstance(event, ImageDone):
                turn = event.turn + shift
                name = f"turn{turn}" if turn else Condition.DIRECT
                assert (np.asarray(event.image) == picture(trial, name, row)).all()
            elif isinstance(event, ThoughtDone):
                assert trial.records[row].results[f"turn{event.turn}"].thought == event.text


def test_variants_differ_from_the_second_turn_in_one_thing(trial: Trial) -> None:
    second = picture(trial, "turn2")
    for name in {*ABLATIONS, Condition.REDRAW} - {Condition.IMAGE_BRANCH}:
        assert np.abs(picture(trial, name) - second).max() > 0, name
    assert np.abs(picture(trial, Condition.TWICE_STEPS) - picture(trial, "turn1")).max() > 0
    results = trial.records[0].results
    assert results[Condition.NO_REFLECTION].thought is None
    assert results[Condition.OTHER_REFLECTION].thought == trial.records[1].results["turn2"].thought
    assert results[Condition.REDRAW].thought == results["turn1"].thought
    assert results[Condition.NO_IMAGE_BRANCH].thought == results["turn2"].thought


def test_every_variant_begins_with_the_noise_of_the_second_turn(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the redraw with it. A copy of the draws is asked what noise comes next, so that it still comes."""
    begun: list[list[torch.Tensor]] = []
    draw, config = Rollout.draw, pipeline.parts.model.config
    shape = (pipeline.settings.plan().grid(config).num_tokens, config.latent_values)

    def spy(rollout: Rollout, turn_plan: TurnPlan) -> Iterator[RowEvent]:
        begun.append([draws.normal(*shape) for draws in fork(rollout.draws)])
        return draw(rollout, turn_plan)

    monkeypatch.setattr(Rollout, "draw", spy)
    trial = run(pipeline, Scope(2, ablations=True))
    _, first, second, *variants = begun
    assert len(variants) == len(trial.records[0].results) - len(("direct", "turn1", "turn2"))
    assert not any(torch.equal(*pair) for pair in zip(first, second, strict=True))
    for noise in variants:
        assert all(torch.equal(*pair) for pair in zip(noise, second, strict=True))


def test_reflections_are_checked_where_the_model_wrote_them(trial: Trial) -> None:
    checked = {name for name, result in trial.records[0].results.items() if result.check}
    wrote = {Condition.NO_VIEW, Condition.NO_CLEAN, Condition.TEXT_ONLY}
    assert checked == {"turn2", "turn3", *wrote}


def test_costs_add_up(trial: Trial) -> None:
    """Two steps; in the first turn a text branch at t = 1 and 0.75, in later ones an image branch as well."""
    costs = {name: result.cost for name, result in trial.records[0].results.items()}
    evaluations = {name: cost.evaluations for name, cost in costs.items()}
    assert evaluations[Condition.DIRECT] == evaluations["turn1"] == evaluations[Condition.AGAIN] == 4
    assert evaluations["turn2"] == 10 and evaluations["turn3"] == 16
    assert evaluations[Condition.TWICE_STEPS] == evaluations[Condition.BEST_OF_2] == 8
    assert evaluations[Condition.REDRAW] == 8
    # Without a reflection its branch is the main context, without a picture its branch is.
    assert evaluations[Condition.NO_REFLECTION] == evaluations[Condition.TEXT_ONLY] == 4 + 4
    assert evaluations[Condition.NO_IMAGE_BRANCH] == 4 + 4
    assert costs[Condition.DIRECT].tokens == 0 < costs["turn1"].tokens < costs["turn2"].tokens
    assert costs[Condition.TWICE_STEPS].tokens == costs["turn1"].tokens
    assert costs[Condition.BEST_OF_2].tokens > costs["turn2"].tokens
    assert all(cost.seconds > 0 for cost in costs.values())
    assert costs["turn3"].seconds > costs["turn2"].seconds > costs["turn1"].seconds


def test_the_chosen_picture_is_one_of_the_two(trial: Trial) -> None:
    for row, record in enumerate(trial.records):
        assert record.choice is not None
        name = ("turn1", Condition.AGAIN)[record.choice.chosen]
        assert (picture(trial, Condition.BEST_OF_2, row) == picture(trial, name, row)).all()
        assert record.results[Condition.BEST_OF_2].correct == record.results[name].correct


@pytest.mark.parametrize(
    ("flaws", "likelihoods", "chosen"),
    [
        ((1, 0), (-1.0, -9.0), 1),
        ((0, 2), (-9.0, -1.0), 0),
        ((1, 1), (-2.0, -1.0), 1),
        ((0, 0), (-1.0, -2.0), 0),
        ((0, 0), (-1.0, -1.0), 0),
        ((None, 3), (-1.0, -2.0), 1),
        ((None, None), (-3.0, -2.0), 1),
    ],
)
def test_fewer_flaws_win_then_the_likelier_praise(
    flaws: tuple[int | None, int | None], likelihoods: tuple[float, float], chosen: int
) -> None:
    assert BestOfTwo(flaws, likelihoods).chosen == chosen


def test_a_plan_without_guidance_is_compared_with_one_that_has_it(pipeline: Pipeline) -> None:
    off = replace(pipeline.settings.first, text_scale=1.0)
    trial = run(pipeline_of(first=off), Scope(2, alternatives=True))
    costs = {name: result.cost for name, result in trial.records[0].results.items()}
    assert costs["turn1"].evaluations == 2
    assert costs[Condition.GUIDED].evaluations == costs[Condition.TWICE_STEPS].evaluations == 4
    assert costs[Condition.GUIDED].tokens == costs["turn1"].tokens
    assert np.abs(picture(trial, Condition.GUIDED) - picture(trial, "turn1")).max() > 0


def test_a_scope_leaves_out_what_it_does_not_hold_and_changes_nothing_else(
    pipeline: Pipeline, trial: Trial
) -> None:
    one, lean = run(pipeline, Scope(1)), run(pipeline, Scope(2, alternatives=True))
    assert set(one.records[0].results) == {Condition.DIRECT, "turn1"} and one.records[0].choice is None
    assert set(lean.records[0].results) == {
        Condition.DIRECT, "turn1", "turn2", Condition.AGAIN, Condition.BEST_OF_2, Condition.TWICE_STEPS
    }  # fmt: skip
    for other in (one, lean):
        for name in other.records[0].results:
            assert (picture(other, name, 1) == picture(trial, name, 1)).all(), name
    assert lean.records[1].choice == trial.records[1].choice


def test_a_plan_without_an_image_branch_is_given_one() -> None:
    pipeline = pipeline_of()
    later = replace(pipeline.settings.later, image_scale=1.0)
    trial = run(pipeline_of(later=later), Scope(2, ablations=True))
    results = trial.records[0].results
    assert Condition.NO_IMAGE_BRANCH not in results
    assert results[Condition.IMAGE_BRANCH].cost.evaluations == results["turn2"].cost.evaluations + 2
    assert np.abs(picture(trial, Condition.IMAGE_BRANCH) - picture(trial, "turn2")).max() > 0


@pytest.mark.parametrize("prompt", ["five hearts", "a star", "a red circle left of a blue square"])
def test_a_wrong_scene_is_near_the_right_one_and_not_what_was_asked_for(prompt: str) -> None:
    request, rng = parse(prompt), np.random.default_rng(0)
    for _ in range(20):
        target = fulfil(request, rng)
        wrong = wrong_scene(request, target, rng)
        assert not fulfils(wrong, request)
        kept = set(target.content.objects) & set(wrong.content.objects)
        assert len(kept) >= len(target.objects) - 1
        assert len(wrong.objects) - len(target.objects) in (-1, 0, 1)


def test_named_flaws_are_counted() -> None:
    better = "Better: A large red circle left, on sky."
    assert num_named(f"Nothing is wrong: keep it and sharpen it. {better}") == 0
    assert num_named(f"The background is mint: make it sky. {better}") == 1
    assert num_named("such a picture") is num_named(None) is None


def test_costs_are_sums() -> None:
    assert PictureCost(1.0, 2, 3) + PictureCost(0.5, 4, 0) == replace(PictureCost(1.5, 6, 3))
