from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from irg.core import Role, SpecialTokens
from irg.core.events import DenoisingStep, Event, ImageDone, ThoughtDone
from irg.engine import Guidance, Saving, SeededDraws, Sketch, Strand, Team, TextSampling, denoise
from irg.model import UnifiedModel
from irg.pipeline import Pipeline, Plan, Rollout, TurnPlan, episode
from tests.data.drawn import drawn
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

PROMPTS = ["two red circles left of a blue square", "a star"]
SEEDS = [3, 4]
PLAIN = TurnPlan(True, Guidance(text_scale=1.0), 3, 3.0)
GUIDED = replace(PLAIN, guidance=Guidance(2.0, 3.0, (0.0, 1.0)))
PLAN = Plan((GUIDED, GUIDED), 32, 32, TextSampling(0.3, max_tokens=5))


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(random_model().eval(), random_autoencoder().eval(), tokenizer(), settings(32))


@pytest.fixture
def sketches(monkeypatch: pytest.MonkeyPatch) -> list[Sketch]:
    """What was to be drawn for the first episode, as the engine was given it."""
    seen: list[Sketch] = []

    def watched(
        model: UnifiedModel, blank: Sequence[Sketch], special: SpecialTokens, team: Team
    ) -> Iterator[tuple[Sketch, ...]]:
        seen.append(blank[0])
        return denoise(model, blank, special, team)

    monkeypatch.setattr(episode, "denoise", watched)
    return seen


def begun(pipeline: Pipeline, plan: Plan = PLAN) -> Rollout:
    return pipeline.rollout(PROMPTS, plan, [SeededDraws(seed) for seed in SEEDS])


def texts(events: Iterable[tuple[int, Event]]) -> list[str]:
    return [event.text for _, event in events if isinstance(event, ThoughtDone)]


def pictures(events: Iterable[tuple[int, Event]]) -> list[np.ndarray]:
    return [np.asarray(event.image) for _, event in events if isinstance(event, ImageDone)]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all((one == other).all() for one, other in zip(first, second, strict=True))


def texts_of(events: Iterable[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, ThoughtDone)]


def near(events: Iterable[Event], others: Iterable[Event]) -> bool:
    """Whether the last pictures came from the same latents, but for rounding."""
    last, other = (
        [one.latents for one in part if isinstance(one, ImageDone)][-1] for part in (events, others)
    )
    return torch.allclose(last, other, rtol=0, atol=1e-4)


def history(strand: Strand | None) -> str | None:
    return None if strand is None else drawn(strand.history)


def test_turn_by_turn_is_what_a_plan_makes(pipeline: Pipeline) -> None:
    planned = list(pipeline.generate_batch(PROMPTS, PLAN, SEEDS))
    rollout = begun(pipeline)
    stepped = [event for turn_plan in PLAN.turns for event in rollout.turn(turn_plan)]
    assert texts(stepped) == texts(planned) and len(texts(planned)) == 4
    assert same(pictures(stepped), pictures(planned))


def test_going_back_gives_the_same_turn_again(pipeline: Pipeline) -> None:
    draws = [SeededDraws(seed) for seed in SEEDS]
    rollout = pipeline.rollout(PROMPTS, PLAN, draws)
    start = rollout.place
    first = list(rollout.turn(GUIDED))
    place, kept = rollout.place, [one.fork() for one in draws]
    second = list(rollout.turn(GUIDED))
    list(rollout.turn(GUIDED))
    for _ in range(2):
        rollout.back(place, [one.fork() for one in kept])
        again = list(rollout.turn(GUIDED))
        assert texts(again) == texts(second) and same(pictures(again), pictures(second))
    rollout.back(start, [SeededDraws(seed) for seed in SEEDS])
    again = list(rollout.turn(GUIDED))
    assert texts(again) == texts(first) and same(pictures(again), pictures(first))
    assert [state.turn for state in rollout.states] == [1, 1]


def test_every_place_stays_what_it_was(pipeline: Pipeline) -> None:
    """Also a later one, after another way was taken from an earlier one."""
    rollout = begun(pipeline)
    start = rollout.place
    list(rollout.turn(GUIDED))
    later = rollout.place
    ways = []
    for _ in range(2):
        rollout.back(later, [SeededDraws(8), SeededDraws(9)])
        events = list(rollout.turn(GUIDED))
        ways.append((texts(events), pictures(events)))
        rollout.back(start, [SeededDraws(5), SeededDraws(6)])
        list(rollout.turn(PLAIN, ["another way", "of another length, which is longer"]))
    assert ways[0][0] == ways[1][0] and same(ways[0][1], ways[1][1])


def test_episodes_may_leave_part_and_come_together(pipeline: Pipeline) -> None:
    """In any batch each comes to what it comes to alone."""
    alone = []
    for row in range(2):
        one = begun(pipeline).only([row])
        alone.append([event for turn_plan in PLAN.turns for _, event in one.turn(turn_plan)])
    rollout = begun(pipeline)
    list(rollout.turn(GUIDED))
    second, first = rollout.only([1]), rollout.only([0])
    events = [event for _, event in second.turn(GUIDED)]  # one goes ahead
    assert texts_of(events) == texts_of(alone[1])[1:] and near(events, alone[1])
    list(second.turn(PLAIN))
    mixed = second.joined_by(first)  # a third turn ended, a first one ended
    events = [event for row, event in mixed.turn(GUIDED) if row == 1]
    assert texts_of(events) == texts_of(alone[0])[1:] and near(events, alone[0])
    assert [state.turn for state in mixed.states] == [4, 2]


def test_siblings_go_on_from_one_first_picture(pipeline: Pipeline) -> None:
    rollout = begun(pipeline).only([0])
    list(rollout.turn(GUIDED))
    group = rollout.only([0, 0, 0])
    group.back(group.place, [SeededDraws(seed) for seed in (1, 2, 3)])
    made = list(group.turn(GUIDED))
    for row, seed in enumerate((1, 2, 3)):
        rollout.back(group.place[:1], [SeededDraws(seed)])
        one = begun(pipeline).only([0])
        list(one.turn(GUIDED))
        one.back(one.place, [SeededDraws(seed)])
        alone = [event for _, event in one.turn(GUIDED)]
        ours = [event for own, event in made if own == row]
        assert texts_of(ours) == texts_of(alone) and near(ours, alone)


def test_a_thought_can_be_changed_before_anything_is_drawn_by_it(
    pipeline: Pipeline, sketches: list[Sketch]
) -> None:
    rollout, given = begun(pipeline), begun(pipeline)
    for one in (rollout, given):
        one.look(GUIDED)
    start = given.place
    list(rollout.think())
    before = rollout.place
    changed = list(rollout.rethink(["a red star", "two hearts"]))
    assert texts(changed) == ["a red star", "two hearts"] == [one.thought for one in rollout.drawn]
    given.back(start, [SeededDraws(7), SeededDraws(7)])
    list(given.read_thoughts(["a red star", "two hearts"]))
    rollout.back(rollout.place, [SeededDraws(7), SeededDraws(7)])
    assert same(pictures(rollout.draw(GUIDED)), pictures(given.draw(GUIDED)))
    assert history(sketches[0].main) == "S P1 T1"
    with pytest.raises(ValueError, match="episode 0 has no thought that could still be changed"):
        rollout.rethink(["x", "y"])
    given.back(start)
    with pytest.raises(ValueError, match="no thought"):
        given.rethink(["x", "y"])
    rollout.back(before)  # the thought as it was written can still be had
    assert all(state.main.history[-1].role is Role.THOUGHT for state in rollout.states)


def test_a_step_that_is_not_taken_to_its_end_changes_nothing(pipeline: Pipeline) -> None:
    rollout = begun(pipeline)
    rollout.look(GUIDED)
    place = rollout.place
    next(iter(rollout.think()))
    assert rollout.place is place
    list(rollout.think())
    stream = rollout.draw(GUIDED)
    next(stream)
    assert all(one.image is None for one in rollout.drawn)


@pytest.mark.parametrize(
    ("changes", "main"),
    [
        ({}, "S P1 T1 C1 V1 T2"),
        ({"clean": False}, "S P1 T1 V1 T2"),
        ({"view": False}, "S P1 T1 C1 T2"),
        ({"clean": False, "view": False}, "S P1 T1 T2"),
        ({"think": False}, "S P1 T1 C1 V1"),
    ],
)
def test_a_turn_reads_what_its_plan_says(
    pipeline: Pipeline, sketches: list[Sketch], changes: dict[str, bool], main: str
) -> None:
    rollout = begun(pipeline)
    list(rollout.turn(GUIDED))
    list(rollout.turn(replace(GUIDED, **changes)))
    sketch = sketches[-1]
    assert history(sketch.main) == main
    # The text branch has all but the new thought; where there is none, it would be the main context itself.
    assert history(sketch.text) == (main.removesuffix(" T2") if main.endswith("T2") else None)
    expected = " ".join(part for part in main.split() if part[0] in "SPT")
    assert history(sketch.image) == (None if expected == main else expected)


def test_going_back_keeps_the_text_branch_of_that_place(pipeline: Pipeline, sketches: list[Sketch]) -> None:
    rollout = begun(pipeline)
    list(rollout.turn(GUIDED))
    rollout.look(GUIDED)
    place = rollout.place
    for given, branch in ((["x", "y"], "S P1 T1 C1 V1"), (None, None)):
        rollout.back(place)
        if given:
            list(rollout.read_thoughts(given))
        list(rollout.draw(GUIDED))
        assert history(sketches[-1].text) == branch


def test_given_thoughts_stand_for_written_ones(pipeline: Pipeline) -> None:
    rollout = begun(pipeline)
    start, written = rollout.place, texts(rollout.turn(PLAIN))
    own = rollout.place
    rollout.back(start, [SeededDraws(9), SeededDraws(9)])
    events = list(rollout.turn(PLAIN, written))
    assert texts(events) == written == [one.thought for one in rollout.drawn]
    for again, was in zip(rollout.states, own, strict=True):
        assert history(again.main) == history(was.main) and again.main.position == was.main.position
    rollout.back(start, [SeededDraws(9), SeededDraws(9)])
    other = list(rollout.turn(replace(PLAIN, think=False), ["a red star", "two hearts"]))
    assert not same(pictures(events), pictures(other))


def test_the_image_depends_on_the_given_thought_alone(pipeline: Pipeline) -> None:
    """Which row has which text matters, not what the others have."""
    made = []
    for thoughts in (["a red star", "two hearts"], ["a red star", "a blue square"]):
        events = list(begun(pipeline).turn(PLAIN, thoughts))
        made.append([event.latents for _, event in events if isinstance(event, ImageDone)])
    apart = [(one - other).abs().max() for one, other in zip(*made, strict=True)]
    assert apart[0] < 1e-5 < 1e-4 < apart[1]


def test_evaluations_and_tokens_are_counted(pipeline: Pipeline) -> None:
    rollout = begun(pipeline)
    events = list(rollout.turn(PLAIN))
    assert [one.evaluations for one in rollout.drawn] == [2, 2]
    counts = [event.num_tokens for _, event in events if isinstance(event, ThoughtDone)]
    assert [one.num_tokens for one in rollout.drawn] == counts and all(counts)
    list(rollout.turn(GUIDED))  # two steps, each with a text branch and an image branch
    assert [one.evaluations for one in rollout.drawn] == [6, 6]
    half = replace(GUIDED, guidance=Guidance(2.0, 3.0, (0.8, 1.0)))  # on at t = 1, off at t = 0.75
    list(rollout.turn(half))
    assert [one.evaluations for one in rollout.drawn] == [4, 4]
    list(rollout.turn(replace(PLAIN, num_points=5)))
    assert [one.evaluations for one in rollout.drawn] == [4, 4]


def test_a_plan_knows_how_often_the_model_will_run(pipeline: Pipeline) -> None:
    rollout = begun(pipeline)
    list(rollout.turn(PLAIN))
    half = replace(GUIDED, num_points=6, shift=3.0, guidance=Guidance(2.0, 3.0, (0.6, 1.0)))
    for turn in (PLAIN, GUIDED, half, replace(half, saving=Saving(every=2))):
        list(rollout.turn(turn))
        assert [one.evaluations for one in rollout.drawn] == [turn.evaluations] * 2


def test_likelihood_leaves_the_rollout_as_it_was(pipeline: Pipeline) -> None:
    plain, asked = begun(pipeline), begun(pipeline)
    found = asked.log_likelihood("a red star")
    assert all(value < 0 for value in found) and found[0] != found[1]
    assert texts(plain.turn(PLAIN)) == texts(asked.turn(PLAIN))


def test_inference_mode_is_never_on_in_the_callers_code(pipeline: Pipeline) -> None:
    rollout = begun(pipeline)
    count = 0
    for _ in rollout.turn(PLAIN, ["a", "b"]):
        assert not torch.is_inference_mode_enabled()
        count += 1
    for _ in rollout.turn(PLAIN):
        assert not torch.is_inference_mode_enabled()
    rollout.log_likelihood("a")
    assert count > 2 and not torch.is_inference_mode_enabled()


def test_wrong_numbers_of_things_are_named(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="2 prompts but 1 draws"):
        pipeline.rollout(PROMPTS, PLAN, [SeededDraws(0)])
    with pytest.raises(ValueError, match="expected at least one"):
        pipeline.rollout([], PLAN, [])
    with pytest.raises(ValueError, match="must be multiples"):
        pipeline.rollout(PROMPTS, replace(PLAN, width=33), [SeededDraws(0), SeededDraws(1)])
    rollout = begun(pipeline)
    with pytest.raises(ValueError, match="1 thoughts for 2 episodes"):
        list(rollout.turn(PLAIN, ["a"]))
    with pytest.raises(ValueError, match="1 draws for 2 episodes"):
        rollout.back(rollout.place, [SeededDraws(0)])


def test_steps_say_how_often_the_model_ran(pipeline: Pipeline) -> None:
    rollout = begun(pipeline)
    steps = [event for _, event in rollout.turn(GUIDED) if isinstance(event, DenoisingStep)]
    # No image branch in turn 1: without an image it would be the main context.
    assert len(steps) == 4 and [one.evaluations for one in rollout.drawn] == [4, 4]


def test_the_text_branch_is_drawn_without_another_slot(pipeline: Pipeline) -> None:
    """Its beginning is read where it lies, whichever turn it is."""
    guided = replace(PLAIN, guidance=Guidance(2.0, 1.0, (0.0, 1.0)))
    rollout = begun(pipeline, replace(PLAN, turns=(guided, guided)))
    pool = rollout.parts.pool
    for turn in (guided, guided):
        rollout.look(turn)
        list(rollout.think())
        slots = sum(slab.is_free.count(False) for slab in pool)
        events = rollout.draw(turn)
        next(events)
        assert sum(slab.is_free.count(False) for slab in pool) == slots
        list(events)
