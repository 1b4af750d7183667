import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irg.bench.episodes import DrawnEpisode
from irg.bench.intervals import wilson
from irg.bench.items import Item
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import EvidenceRow, Hearing, Shown, Status
from irg.bench.scene.benchmark import (
    PROTOCOL,
    SceneOracle,
    SceneRun,
    run,
    save,
    sheet,
    summarise,
    verdict,
)
from irg.bench.scene.items import (
    COMBINATIONS,
    COMPOUNDS,
    FAMILIES,
    MAIN,
    SceneOptions,
    group_of,
    scene_item,
    scene_items,
)
from irg.bench.store import SeriesStore
from irg.core.events import ImageDone, ThoughtDone
from irg.core.trace import Verdict, png
from irg.pipeline import Pipeline, load_pipeline
from irg.world import Split, fulfil, parse, parse_thought, render
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

GREEN, RED = (0x2E, 0x9D, 0x4F), (0xD3, 0x3C, 0x3C)


def test_the_verdict_is_the_oracles() -> None:
    right = Image.fromarray(render(fulfil(parse("a red circle"), np.random.default_rng(0))))
    assert verdict("a red circle", right) == Verdict(True, ())
    judged = verdict("two blue stars", right)
    assert not judged.correct and "wanted 2 stars, see none" in judged.flaws


def test_a_picture_of_another_size_is_told_and_ends_nothing() -> None:
    item = scene_items(SceneOptions(1))[0]
    shown = Shown(item, 1, {0: ShownPicture(png(Image.new("RGB", (10, 8))))})
    ((_, (row,)),) = SceneOracle().hear([shown])
    assert row.status is Status.JUDGE_ERROR and "(8, 10, 3)" in row.evidence["detail"]


Heard = dict[tuple[str, int], Hearing]


def made(*items: tuple[str, Split, str]) -> tuple[list[Item], Heard]:
    """Items by family and split, and verdicts on their turns, drawn from turn 0: + right, - wrong."""
    evidence = {"+": {"correct": True, "flaws": []}, "-": {"correct": False, "flaws": ["no"]}}
    found, heard = [], Heard()
    for index, (family, split, verdicts) in enumerate(items):
        found.append(scene_item(index, f"a {family}", family, str(split), 7))
        for turn, sign in enumerate(verdicts):
            rows = (EvidenceRow(0, "verdict", evidence[sign]),)
            heard[found[-1].id, turn] = Hearing(found[-1].id, turn, {0: "abc"}, {}, rows)
    return found, heard


def drawn(folder: Path, items: list[Item], heard: Heard) -> SceneRun:
    """White pictures of the items, with a thought from turn 1 on."""
    stores = {name: SeriesStore(folder, name, {}, DrawnEpisode) for name in ("direct", "turns")}
    picture = png(Image.new("RGB", (10, 8), "white"))
    for item in items:
        later = [turn for name, turn in heard if name == item.id and turn]
        names = {turn: f"{item.id}-{turn}" for turn in (0, *later)}
        stores["direct"].add([DrawnEpisode(item.id, 0, {}, {0: names[0]})], {names[0]: picture})
        thoughts = {turn: f"thought {turn}" for turn in later}
        episode = DrawnEpisode(item.id, 0, thoughts, {turn: names[turn] for turn in later})
        stores["turns"].add([episode], {names[turn]: picture for turn in later})
    return SceneRun(items, stores, heard)


ITEMS, HEARD = made(
    ("single", Split.HELD_OUT, "--+"),
    ("single", Split.HELD_OUT, "+++"),
    ("counting", Split.HELD_OUT, "-+-"),
    ("position", Split.HELD_OUT, "-++"),
    ("colors", Split.HELD_OUT, "--+"),
    ("counting", Split.COMBINATIONS, "--+"),
    ("colors", Split.COMBINATIONS, "-++"),
    ("compound", Split.HELD_OUT, "--+"),
)


def test_the_summarys_arithmetic() -> None:
    summary = summarise(ITEMS, HEARD, SceneOptions(5, turns=2, seed=9), {"name": "m"})
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
    assert "incomplete" not in summary
    json.dumps(summary)


def test_more_turns_have_more_changes() -> None:
    items, heard = made(("single", Split.HELD_OUT, "-+-+"), ("two", Split.HELD_OUT, "+--+"))
    summary = summarise(items, heard, SceneOptions(2, turns=3), {})
    assert summary["changes"] == [
        {"from": 1, "to": 2, "fixed": 0, "broken": 1},
        {"from": 2, "to": 3, "fixed": 2, "broken": 0},
    ]


def test_what_is_saved_can_be_read(tmp_path: Path) -> None:
    summary, found = summarise(ITEMS, HEARD, SceneOptions(5), {"name": "m"}), drawn(tmp_path, ITEMS, HEARD)
    save(found, summary, tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    assert json.loads((folder / "summary.json").read_text()) == summary
    lines = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    assert len(lines) == len(ITEMS)
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
        assert saved.size == sheet(found).size


def test_the_sheet_frames_what_is_right_in_green(tmp_path: Path) -> None:
    found = drawn(tmp_path, ITEMS, HEARD)
    canvas = sheet(found)
    width, height = 3 * 16 + 14, 14 + 34 + 14
    assert canvas.size == (3 * width + 14, 24 + 3 * height)
    for index, item in enumerate(ITEMS):
        left, top = index % 3 * width + 14, index // 3 * height + 24 + 34
        for turn in range(3):
            corner = canvas.getpixel((left + 16 * turn, top))
            assert corner == (GREEN if found.evidence(item)[turn]["correct"] else RED)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(random_model(), random_autoencoder(), tokenizer(), settings(128))


def test_a_run_draws_the_base_and_then_the_turns(pipeline: Pipeline, tmp_path: Path) -> None:
    options = SceneOptions(1, turns=2, batch=1)
    told: list[tuple[int, int]] = []
    found = run(pipeline, options, tmp_path, lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(7)]
    assert found.items == scene_items(options)
    first = found.items[0]
    base, full = pipeline.settings.plan(turns=1, think=False), pipeline.settings.plan(turns=2)
    for plan, shift in ((base, -1), (full, 0)):
        for event in pipeline.generate(first.prompt, plan, first.seeds[0]):
            if isinstance(event, ImageDone):
                expected = found.picture(first, event.turn + shift)
                assert (np.asarray(event.image) == np.asarray(expected)).all()
            elif isinstance(event, ThoughtDone):
                assert found.thoughts(first)[event.turn] == event.text
    for item in found.items:
        assert sorted(found.evidence(item)) == [0, 1, 2]
        assert sorted(found.thoughts(item)) == [1, 2]
        for turn, seen in found.evidence(item).items():
            judged = verdict(item.prompt, found.picture(item, turn))
            assert seen == {"correct": judged.correct, "flaws": list(judged.flaws)}
    assert summarise(found.items, found.heard, options, {})["turns"][2]["count"] == 1


def test_batches_give_each_item_its_own(pipeline: Pipeline, tmp_path: Path) -> None:
    """However items are put together, they get what they get alone, up to rounding."""
    options = SceneOptions(4, turns=1)
    alone, together = (run(pipeline, replace(options, batch=batch), tmp_path) for batch in (1, 3))
    assert alone.items == together.items
    for item in alone.items:
        assert alone.thoughts(item) == together.thoughts(item)
        for turn in (0, 1):
            one, other = (np.asarray(found.picture(item, turn)).astype(int) for found in (alone, together))
            assert np.abs(one - other).max() <= 1


def test_an_interrupted_run_goes_on_and_comes_to_the_same(pipeline: Pipeline, tmp_path: Path) -> None:
    options, told = SceneOptions(2, turns=2, batch=2), list[int]()

    def interrupt(done: int, total: int) -> None:
        told.append(done)
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(pipeline, options, tmp_path / "torn", interrupt)
    found = run(pipeline, options, tmp_path / "torn", lambda done, total: told.append(done))
    assert told == [0, 2, 4, 6, 6, 8], "what was drawn is not drawn again"
    whole = run(pipeline, options, tmp_path / "whole")
    assert found.heard == whole.heard and len(whole.heard) == 4 * 3
    for item in whole.items:
        assert found.thoughts(item) == whole.thoughts(item)
        for turn in range(3):
            assert found.picture(item, turn).tobytes() == whole.picture(item, turn).tobytes()


def test_another_choice_of_prompts_is_another_run(pipeline: Pipeline, tmp_path: Path) -> None:
    """A folder may be used again; what it holds of another run is neither taken nor lost."""
    one, other = (SceneOptions(1, turns=1, seed=seed) for seed in (0, 1))
    first, _ = run(pipeline, one, tmp_path), run(pipeline, other, tmp_path)
    told: list[int] = []
    again = run(pipeline, one, tmp_path, lambda done, total: told.append(done))
    assert told == [6] and again.heard == first.heard


def test_a_lost_picture_makes_the_report_incomplete(pipeline: Pipeline, tmp_path: Path) -> None:
    """Neither wrong nor forgotten: the score is of the pictures that there are, and says so."""
    options = SceneOptions(3, turns=1)
    whole = run(pipeline, options, tmp_path)
    (where,) = tmp_path.iterdir()
    (where / "pictures" / "turns-00001-0-1.png").unlink()
    found = run(pipeline, options, tmp_path)
    summary = summarise(found.items, found.heard, options, {})
    missing = {"no picture": 1}
    assert summary["incomplete"] == {"expected": 10, "judged": 9, "missing": missing}
    assert [turn["count"] for turn in summary["turns"]] == [3, 2]
    assert {key: hearing for key, hearing in whole.heard.items() if key != ("00001", 1)} == {
        key: hearing for key, hearing in found.heard.items() if hearing.rows
    }


def test_a_model_of_another_size_is_refused_before_it_draws(tmp_path: Path) -> None:
    pipeline = Pipeline(random_model(), random_autoencoder(), tokenizer(), settings(64))
    with pytest.raises(ValueError, match="pictures of 64x64: scene reads 128x128"):
        run(pipeline, SceneOptions(1), tmp_path)
    assert not list(tmp_path.iterdir())


def embedded() -> Pipeline:
    """With few time points: what it draws is rough then, but what it thinks is not."""
    try:
        whole = load_pipeline()
    except ValueError as missing:
        pytest.skip(str(missing))
    coarse = whole.settings.model_copy(update={"num_points": 4, "temperature": 0.0})
    return Pipeline(whole.parts.model, whole.parts.autoencoder, whole.parts.tokenizer, coarse)


def test_the_embedded_model_knows_the_benchmarks_prompts(tmp_path: Path) -> None:
    found = run(embedded(), SceneOptions(2, turns=1), tmp_path)
    assert [group_of(item) for item in found.items] == [MAIN, MAIN, COMBINATIONS, COMPOUNDS]
    for item in found.items:
        assert parse_thought(found.thoughts(item)[1]).objects
