import json
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from irg.bench.episodes import DrawnEpisode, EpisodeBatch, drawing_header, in_batches
from irg.bench.items import Item
from irg.bench.store import SeriesStore
from irg.core.events import ImageDone, ThoughtDone
from irg.core.trace import png
from irg.engine import Guidance
from irg.pipeline import Pipeline
from irg.pipeline.plans.convert import steps_of
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

ITEMS = (Item("a", "a red star", (3, 4)), Item("b", "two blue hearts", (5,)))
ALL = ((ITEMS[0], 0), (ITEMS[0], 1), (ITEMS[1], 0))


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(random_model().eval(), random_autoencoder().eval(), tokenizer(), settings(32))


@pytest.mark.parametrize("first", [1, 0, 4])
def test_a_batch_is_what_the_pipeline_draws_of_each_prompt_and_seed(pipeline: Pipeline, first: int) -> None:
    plan = pipeline.settings.plan(turns=2)
    batch = EpisodeBatch("turns", lambda: pipeline, plan, ALL, first)
    assert (batch.amount, list(batch.keys)) == (3, [("a", 0), ("a", 1), ("b", 0)])
    drawn = batch.draw()
    assert [episode.key for episode in drawn.records] == list(batch.keys)
    content = dict(drawn.pictures)
    for episode, (item, number) in zip(drawn.records, ALL, strict=True):
        thoughts, images = {}, {}
        for event in pipeline.generate(item.prompt, plan, item.seeds[number]):
            if isinstance(event, ThoughtDone):
                thoughts[event.turn - 1 + first] = event.text
            elif isinstance(event, ImageDone):
                images[event.turn - 1 + first] = png(event.image)
        assert episode.thoughts == thoughts and list(thoughts) == [first, first + 1]
        assert {turn: content.pop(name) for turn, name in episode.images.items()} == images
    assert not content, "every picture has one name, and every name a picture"


def test_without_thoughts_there_are_only_pictures(pipeline: Pipeline) -> None:
    batch = EpisodeBatch("direct", lambda: pipeline, pipeline.settings.plan(1, think=False), ALL[2:], first=0)
    (episode,) = batch.draw().records
    assert episode == DrawnEpisode("b", 0, {}, {0: "b-0-0"})


def test_what_is_drawn_can_be_kept(pipeline: Pipeline, tmp_path: Path) -> None:
    drawn = EpisodeBatch("turns", lambda: pipeline, pipeline.settings.plan(1), ALL[:2]).draw()
    SeriesStore(tmp_path, "turns", {}, DrawnEpisode).add(drawn.records, drawn.pictures)
    store = SeriesStore(tmp_path, "turns", {}, DrawnEpisode)
    assert tuple(store.records.values()) == drawn.records
    for episode in drawn.records:
        assert png(store.picture(episode.images[1])) == drawn.pictures[episode.images[1]]


def test_what_every_turn_took_is_told(pipeline: Pipeline) -> None:
    plan = pipeline.settings.plan(turns=2)
    (episode,) = EpisodeBatch("turns", lambda: pipeline, plan, ALL[:1]).draw().records
    assert list(episode.costs) == [1, 2]
    for turn, turn_plan in zip((1, 2), plan.turns, strict=True):
        assert episode.costs[turn].evaluations >= turn_plan.num_points - 1
        assert episode.costs[turn].seconds > 0 and episode.costs[turn].tokens > 0


def test_a_plan_of_steps_is_drawn_turn_by_turn_and_a_kept_picture_stands_for_later_turns(
    pipeline: Pipeline,
) -> None:
    turns = pipeline.settings.plan(turns=3)
    plain = EpisodeBatch("turns", lambda: pipeline, turns, ALL).draw()
    steps = EpisodeBatch("turns", lambda: pipeline, steps_of(turns, pipeline.settings), ALL).draw()
    assert plain == steps  # but for what it took
    # What the random model reflects cannot be read, where it is meant to be a reflection of the scene world.
    scenes = Pipeline(
        random_model().eval(),
        random_autoencoder().eval(),
        tokenizer(),
        settings(32).model_copy(update={"world": "scenes"}),
    )
    stopping = steps_of(turns, scenes.settings, stop_when_right=True)
    drawn = EpisodeBatch("turns", lambda: scenes, stopping, ALL[:1]).draw()
    (episode,) = drawn.records
    first, *later = (drawn.pictures[episode.images[turn]] for turn in (1, 2, 3))
    assert later == [first, first] and [*episode.thoughts] == [1, 2]
    assert [episode.costs[turn].evaluations > 0 for turn in (1, 2, 3)] == [True, False, False]


def _given(pipeline: Pipeline) -> Pipeline:
    return pipeline


def test_a_batch_is_drawn_alike_in_another_process(pipeline: Pipeline) -> None:
    batch = EpisodeBatch("turns", partial(_given, pipeline), pipeline.settings.plan(1), ALL[:1])
    here, there = batch.draw(), pickle.loads(pickle.dumps(batch)).draw()
    assert here.records == there.records and here.pictures == there.pictures


@pytest.mark.parametrize(("size", "lengths"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (8, [3])])
def test_all_pictures_are_in_batches_in_order(size: int, lengths: list[int]) -> None:
    batches = in_batches(ITEMS, size)
    assert list(map(len, batches)) == lengths
    assert tuple(picture for batch in batches for picture in batch) == ALL
    assert in_batches([], size) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"system_prompt": "Draw."},
        {"width": 64},
        {"num_points": 4},
        {"shift": 2.0},
        {"temperature": 0.5},
        {"max_thought_tokens": 7},
        {"first": Guidance(2.0)},
        {"later": Guidance(2.0)},
    ],
)
def test_a_header_tells_apart_what_decides_the_drawing(changes: dict[str, Any]) -> None:
    chosen, identity = settings(32), {"name": "x", "weights": "1"}
    header = drawing_header(chosen, identity)
    json.dumps(header)
    assert drawing_header(chosen.model_copy(update=changes), identity) != header
    assert drawing_header(chosen, identity | {"weights": "2"}) != header
    assert drawing_header(chosen, identity | {"name": "y"}) == header
    others = {"edit": replace(chosen.edit, text_scale=9.0), "max_prompt_tokens": 9, "scores": {"a": 1}}
    assert drawing_header(chosen.model_copy(update=others), identity) == header


def test_a_header_has_the_usual_plans_values() -> None:
    chosen = settings(32).model_copy(update={"height": 16})
    header, plan = drawing_header(chosen, {}), chosen.plan(turns=5)
    assert header["size"] == [32, 16] and header["first"] == plan.turns[0].as_json()
    assert all(header["later"] == turn.as_json() for turn in plan.turns[1:])
