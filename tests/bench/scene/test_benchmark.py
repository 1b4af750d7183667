import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irg.bench.intervals import wilson
from irg.bench.scene.benchmark import (
    COMBINATION_FAMILIES,
    COMBINATIONS,
    COMPOUNDS,
    FAMILIES,
    MAIN,
    PROTOCOL,
    Item,
    Outcome,
    SceneOptions,
    run,
    save,
    scene_items,
    sheet,
    summarise,
    verdict,
)
from irg.core.events import ImageDone, ThoughtDone
from irg.core.trace import Verdict
from irg.pipeline import Pipeline, load_pipeline
from irg.world import Family, Split, fulfil, parse, parse_thought, render
from irg.world.grammar import is_held_out_text, requires_held_out
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

GREEN, RED = (0x2E, 0x9D, 0x4F), (0xD3, 0x3C, 0x3C)


def prompts(options: SceneOptions) -> list[str]:
    return [item.prompt for item in scene_items(options)]


def of(group: str, items: list[Item]) -> list[Item]:
    return [item for item in items if item.group == group]


def test_a_seed_fixes_the_prompts_and_another_picks_others() -> None:
    options = SceneOptions(60, seed=1)
    assert scene_items(options) == scene_items(replace(options, turns=5, batch=1))
    other = scene_items(replace(options, seed=2))
    assert len(set(prompts(options)) & {item.prompt for item in other}) < 40
    assert not {item.seed for item in scene_items(options)} & {item.seed for item in other}


def test_items_have_seeds_of_their_own() -> None:
    items = scene_items(SceneOptions(60))
    assert len({item.seed for item in items}) == len(items)


@pytest.mark.parametrize(("count", "added"), [(1, 1), (4, 1), (60, 12), (300, 60)])
def test_as_many_as_asked_for_and_a_fifth_as_many_of_each_other_group(count: int, added: int) -> None:
    items = scene_items(SceneOptions(count))
    groups = [item.group for item in items]
    assert groups == [MAIN] * count + [COMBINATIONS] * added + [COMPOUNDS] * added


def test_families_are_balanced_and_named_rightly() -> None:
    items = scene_items(SceneOptions(300))
    main = Counter(item.family for item in of(MAIN, items))
    assert main == dict.fromkeys(map(str, FAMILIES), 50)
    combined = Counter(item.family for item in of(COMBINATIONS, items))
    assert combined == dict.fromkeys(map(str, COMBINATION_FAMILIES), 20)
    assert {item.family for item in of(COMPOUNDS, items)} == {str(Family.COMPOUND)}
    assert all(parse(item.prompt).family == item.family for item in items)


def test_main_prompts_are_held_out_texts_of_what_training_shows() -> None:
    items = scene_items(SceneOptions(300))
    for item in of(MAIN, items) + of(COMPOUNDS, items):
        assert is_held_out_text(item.prompt)
        assert not requires_held_out(parse(item.prompt))


def test_combinations_need_what_training_never_showed() -> None:
    for item in of(COMBINATIONS, scene_items(SceneOptions(300))):
        assert requires_held_out(parse(item.prompt))


def test_prompts_repeat_only_where_a_family_runs_out() -> None:
    items = of(MAIN, scene_items(SceneOptions(120)))
    repeated = Counter(item.prompt for item in items)
    assert max(repeated.values()) <= 3 and len(repeated) > 105


@pytest.mark.parametrize("wrong", [{"prompts": 0}, {"turns": 0}, {"batch": -1}])
def test_options_below_one_are_named(wrong: dict[str, int]) -> None:
    (name, value), *_ = wrong.items()
    with pytest.raises(ValueError, match=f"{name} {value}: expected at least 1"):
        SceneOptions(**wrong)


def test_the_verdict_is_the_oracles() -> None:
    right = Image.fromarray(render(fulfil(parse("a red circle"), np.random.default_rng(0))))
    assert verdict("a red circle", right) == Verdict(True, ())
    judged = verdict("two blue stars", right)
    assert not judged.correct and "wanted 2 stars, see none" in judged.flaws


def outcome(family: str, split: Split, verdicts: str) -> Outcome:
    """`verdicts` draws the turns from 0: + right, - wrong."""
    item = Item(f"a {family}", family, str(split), 7)
    pictures = {turn: Image.new("RGB", (10, 8), "white") for turn in range(len(verdicts))}
    judged = {
        turn: Verdict(sign == "+", () if sign == "+" else ("no",)) for turn, sign in enumerate(verdicts)
    }
    thoughts = {turn: f"thought {turn}" for turn in range(1, len(verdicts))}
    return Outcome(item, thoughts, pictures, judged)


OUTCOMES = [
    outcome("single", Split.HELD_OUT, "--+"),
    outcome("single", Split.HELD_OUT, "+++"),
    outcome("counting", Split.HELD_OUT, "-+-"),
    outcome("position", Split.HELD_OUT, "-++"),
    outcome("colors", Split.HELD_OUT, "--+"),
    outcome("counting", Split.COMBINATIONS, "--+"),
    outcome("colors", Split.COMBINATIONS, "-++"),
    outcome("compound", Split.HELD_OUT, "--+"),
]


def test_the_summarys_arithmetic() -> None:
    summary = summarise(OUTCOMES, SceneOptions(5, turns=2, seed=9), {"name": "m"})
    assert (summary["protocol"], summary["prompts"], summary["seed"]) == (PROTOCOL, 5, 9)
    assert summary["model"] == {"name": "m"}
    assert [turn["turn"] for turn in summary["turns"]] == [0, 1, 2]
    assert [turn["score"] for turn in summary["turns"]] == [0.2, 0.6, 0.8]
    for turn, right in zip(summary["turns"], (1, 3, 4), strict=True):
        assert (turn["low"], turn["high"]) == pytest.approx(wilson(right, 5), abs=1e-4)
        assert turn["count"] == 5 and list(turn["families"]) == [str(family) for family in FAMILIES]
    by_family = {
        name: [turn["families"][name]["score"] for turn in summary["turns"]]
        for name in ("single", "counting")
    }
    assert by_family == {"single": [0.5, 0.5, 1.0], "counting": [0.0, 1.0, 0.0]}
    assert summary["turns"][0]["families"]["single"]["count"] == 2
    assert summary["turns"][0]["families"]["two"] == {"score": 0.0, "low": 0.0, "high": 1.0, "count": 0}
    assert [turn["combinations"]["score"] for turn in summary["turns"]] == [0.0, 0.5, 1.0]
    assert [turn["compounds"]["score"] for turn in summary["turns"]] == [0.0, 0.0, 1.0]
    assert summary["changes"] == [{"from": 1, "to": 2, "fixed": 2, "broken": 1}]
    json.dumps(summary)


def test_more_turns_have_more_changes() -> None:
    outcomes = [outcome("single", Split.HELD_OUT, "-+-+"), outcome("two", Split.HELD_OUT, "+--+")]
    summary = summarise(outcomes, SceneOptions(2, turns=3), {})
    assert summary["changes"] == [
        {"from": 1, "to": 2, "fixed": 0, "broken": 1},
        {"from": 2, "to": 3, "fixed": 2, "broken": 0},
    ]


def test_what_is_saved_can_be_read(tmp_path: Path) -> None:
    summary = summarise(OUTCOMES, SceneOptions(5), {"name": "m"})
    save(OUTCOMES, summary, tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    assert json.loads((folder / "summary.json").read_text()) == summary
    lines = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    assert len(lines) == len(OUTCOMES)
    assert lines[0] == {
        "prompt": "a single",
        "family": "single",
        "split": "held_out",
        "seed": 7,
        "thoughts": {"1": "thought 1", "2": "thought 2"},
        "verdicts": {
            "0": {"correct": False, "flaws": ["no"]},
            "1": {"correct": False, "flaws": ["no"]},
            "2": {"correct": True, "flaws": []},
        },
    }
    with Image.open(folder / "sheet.png") as saved:
        assert saved.size == sheet(OUTCOMES).size


def test_the_sheet_frames_what_is_right_in_green() -> None:
    canvas = sheet(OUTCOMES, columns=4)
    width, height = 3 * 16 + 12, 14 + 12
    assert canvas.size == (4 * width, 2 * height)
    for index, one in enumerate(OUTCOMES):
        left, top = index % 4 * width + 6, index // 4 * height + 6
        for turn in range(3):
            corner = canvas.getpixel((left + 16 * turn, top))
            assert corner == (GREEN if one.verdicts[turn].correct else RED)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(random_model(), random_autoencoder(), tokenizer(), settings(128))


def test_a_run_draws_the_base_and_then_the_turns(pipeline: Pipeline) -> None:
    options = SceneOptions(1, turns=2, batch=1)
    told: list[tuple[int, int]] = []
    outcomes = run(pipeline, options, lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(1, 7)]
    assert [one.item for one in outcomes] == scene_items(options)
    first = outcomes[0]
    base, full = pipeline.settings.plan(turns=1, think=False), pipeline.settings.plan(turns=2)
    for plan, shift in ((base, -1), (full, 0)):
        for event in pipeline.generate(first.item.prompt, plan, first.item.seed):
            if isinstance(event, ImageDone):
                expected = first.pictures[event.turn + shift]
                assert (np.asarray(event.image) == np.asarray(expected)).all()
            elif isinstance(event, ThoughtDone):
                assert first.thoughts[event.turn] == event.text
    for one in outcomes:
        assert sorted(one.pictures) == sorted(one.verdicts) == [0, 1, 2]
        assert sorted(one.thoughts) == [1, 2]
        assert all(one.verdicts[turn] == verdict(one.item.prompt, one.pictures[turn]) for turn in range(3))
    assert summarise(outcomes, options, {})["turns"][2]["count"] == 1


def test_batches_give_each_item_its_own(pipeline: Pipeline) -> None:
    """However items are put together, they get what they get alone, up to rounding."""
    options = SceneOptions(4, turns=1)
    alone, together = (run(pipeline, replace(options, batch=batch)) for batch in (1, 3))
    for one, other in zip(alone, together, strict=True):
        assert one.item == other.item and one.thoughts == other.thoughts
        for turn, picture in one.pictures.items():
            difference = np.asarray(picture).astype(int) - np.asarray(other.pictures[turn])
            assert np.abs(difference).max() <= 1


def embedded() -> Pipeline:
    """With few time points: what it draws is rough then, but what it thinks is not."""
    try:
        whole = load_pipeline()
    except ValueError as missing:
        pytest.skip(str(missing))
    coarse = whole.settings.model_copy(update={"num_points": 4, "temperature": 0.0})
    return Pipeline(whole.parts.model, whole.parts.autoencoder, whole.parts.tokenizer, coarse)


def test_the_embedded_model_knows_the_benchmarks_prompts() -> None:
    outcomes = run(embedded(), SceneOptions(2, turns=1))
    assert [one.item.group for one in outcomes] == [MAIN, MAIN, COMBINATIONS, COMPOUNDS]
    for one in outcomes:
        assert parse_thought(one.thoughts[1]).objects
