import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from irg.bench.protocol import Summary
from irg.bench.ranks import Ranks
from irg.bench.results import result_of, summarised
from irg.bench.runs import (
    ABOUT,
    ITEMS,
    BenchRun,
    Crew,
    DrawingMode,
    DrawingSettings,
    draw,
    judge_run,
    looking,
    of_drawing,
    plans_of,
)
from irg.core.reading import read_image
from irg.pipeline import Pipeline
from tests.bench.small import COLOURS, ColourJudge
from tests.bench.small import ITEMS as PROMPTS
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

MODEL = {"name": "small", "fingerprint": "f", "dtype": "float32"}


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(random_model().eval(), random_autoencoder().eval(), tokenizer(), settings(32))


def drawing(
    pipeline: Pipeline, mode: DrawingMode = DrawingMode.IRG, turns: int = 2, seed: int = 0
) -> DrawingSettings:
    plans = plans_of(pipeline.settings, mode, turns)
    return DrawingSettings(mode, plans, MODEL, pipeline.settings.system_prompt, seed)


def begun(folder: Path, how: DrawingSettings, count: int = 3) -> BenchRun:
    facts = {**of_drawing(how, MODEL), "sources": {"hashes": {}, "modified": []}}
    return BenchRun.begin(folder, COLOURS, how.seeded(PROMPTS[:count]), len(PROMPTS), facts)


def test_modes_are_plans(pipeline: Pipeline) -> None:
    numbers = [
        drawing(pipeline, mode, turns).turns for mode, turns in zip(DrawingMode, (1, 1, 2, 3), strict=True)
    ]
    assert numbers == [[0], [1], [1, 2], [0, 1, 2, 3]]
    with pytest.raises(ValueError, match="mode cot with 2 turns: expected 1"):
        drawing(pipeline, DrawingMode.COT, 2)
    assert not any(turn.think for turn in plans_of(pipeline.settings, DrawingMode.BASE, 1)["direct"][1].turns)


def test_a_picture_is_the_same_in_any_batch_and_any_run(pipeline: Pipeline, tmp_path: Path) -> None:
    how, found = drawing(pipeline, DrawingMode.ALL), []
    for name, batch, count in (("alone", 1, 1), ("together", 4, 3)):
        (tmp_path / name).mkdir()
        run = begun(tmp_path / name, how, count)
        draw(run, how, lambda: pipeline, Crew(batch))
        look = looking(run.drawn())
        found.append(
            {(turn, number): one for turn in how.turns for number, one in look(PROMPTS[0], turn).items()}
        )
        assert all(not isinstance(one, str) for one in found[-1].values())
    assert list(found[0]) == [(turn, number) for turn in (0, 1, 2) for number in (0, 1)]
    for key, one in found[0].items():
        first, second = (np.asarray(read_image(picture.path)).astype(int) for picture in (one, found[1][key]))  # type: ignore[union-attr]
        assert np.abs(first - second).max() <= 1
    assert len({one.sha256 for one in found[0].values() if not isinstance(one, str)}) == 6


def test_a_run_goes_on_where_it_stopped_and_its_report_needs_no_model(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    how = drawing(pipeline)
    draw(begun(tmp_path, how, 1), how, lambda: pipeline, Crew(1))
    told: list[tuple[int, int]] = []
    run = begun(tmp_path, how)
    draw(run, how, lambda: pipeline, Crew(1), lambda *done: told.append(done))
    assert told[0] == (2, 6) and told[-1] == (6, 6), "a run may be given more prompts"
    judge_run(run, looking(run.drawn()), ColourJudge())
    again = BenchRun.open(tmp_path)
    assert again.items == run.items and again.turns == [1, 2] and not again.is_partial
    (identity,) = again.judges
    assert identity == ColourJudge().identity
    found = summarised(COLOURS, again, again.evidence(identity))
    assert list(found) == [1, 2] and all(isinstance(one, Summary) for some in found.values() for one in some)
    assert [one.headline.counted for some in found.values() for one in some] == [6, 6]
    result = json.loads(json.dumps(result_of(again, identity, found)))
    assert result["complete"] and result["partial"] is None and result["version"] == 3
    assert result["turns"][0]["summaries"][0]["headline"]["expected"] == 6


def test_a_judge_that_was_killed_at_its_first_word_has_found_nothing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    run = begun(tmp_path, drawing(pipeline), 1)
    (tmp_path / "evidence-00000000.jsonl").write_text('{"benchmark": "col')
    (tmp_path / "evidence-11111111.jsonl").write_text("")
    assert run.judges == []


def test_what_is_missing_makes_a_result_incomplete(pipeline: Pipeline, tmp_path: Path) -> None:
    how = drawing(pipeline, DrawingMode.COT, 1)
    run = begun(tmp_path, how, 2)
    draw(run, how, lambda: pipeline, Crew())
    (tmp_path / "pictures" / "turns-1-0-1.png").unlink()
    store = judge_run(run, looking(run.drawn()), ColourJudge())
    result = result_of(run, {}, summarised(COLOURS, run, store))
    assert not result["complete"] and result["partial"] == "2 of 3 prompts"
    assert result["turns"][0]["summaries"][0]["missing"] == {"no picture": 1}


def test_another_run_is_refused_by_what_differs(pipeline: Pipeline, tmp_path: Path) -> None:
    begun(tmp_path, drawing(pipeline))
    for other, word in (
        (drawing(pipeline, seed=1), "seed"),
        (drawing(pipeline, turns=3), "plans"),
        (replace(drawing(pipeline), model=MODEL | {"fingerprint": "g"}), "model"),
        (replace(drawing(pipeline), model=MODEL | {"weights": "int8"}), "model"),
    ):
        with pytest.raises(ValueError, match=rf"holds another run \({word} differ\)"):
            begun(tmp_path, other)
    begun(tmp_path, replace(drawing(pipeline), model=MODEL | {"device": "cuda:3"}))
    with pytest.raises(ValueError, match="holds no benchmark run"):
        BenchRun.open(tmp_path / "nowhere")


def test_another_seed_draws_other_pictures_of_the_same_items(pipeline: Pipeline) -> None:
    one, other = (drawing(pipeline, seed=seed).seeded(PROMPTS) for seed in (0, 1))
    assert one == PROMPTS and all(
        a.id == b.id and not {*a.seeds} & {*b.seeds} for a, b in zip(one, other, strict=True)
    )


def test_shares_of_processes_make_up_the_whole(pipeline: Pipeline, tmp_path: Path) -> None:
    how = drawing(pipeline, DrawingMode.COT, 1)
    run = begun(tmp_path, how)
    for rank in (0, 1):
        draw(run, how, lambda: pipeline, Crew(2, ranks=Ranks(rank, 2, rank)))
    assert {key for store in run.drawn().values() for key in store.records} == {
        (item.id, number) for item in PROMPTS for number in (0, 1)
    }
    assert (tmp_path / "turns.jsonl").is_file() and (tmp_path / "process1" / "turns.jsonl").is_file()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("turns", [-1]),
        ("series", "direct"),
        ("deciding", {"trees": {"1": 5}}),
        ("sources", {}),
        ("model", {}),
    ],
)
def test_what_is_no_run_is_told_by_its_place(
    pipeline: Pipeline, tmp_path: Path, name: str, value: object
) -> None:
    begun(tmp_path, drawing(pipeline))
    about = json.loads((tmp_path / ABOUT).read_text())
    (tmp_path / ABOUT).write_text(json.dumps(about | {name: value}))
    with pytest.raises(ValueError, match=rf"run\.json: {name}"):
        BenchRun.open(tmp_path)


def test_items_and_evidence_that_cannot_be_read_are_named(pipeline: Pipeline, tmp_path: Path) -> None:
    run = begun(tmp_path, drawing(pipeline), 1)
    store = run.evidence({"name": "x"})
    (tmp_path / ITEMS).write_text('{"id": 5}\n')
    with pytest.raises(ValueError, match=r"items\.jsonl, line 1: no item"):
        _ = BenchRun.open(tmp_path).items
    store.path.write_text('{"judge": 5}\n')
    with pytest.raises(ValueError, match="line 1 names no judge"):
        _ = run.judges
