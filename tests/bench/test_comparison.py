import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from irg.bench import comparison
from irg.bench.comparison import ITEMS, SHEET, CompareOptions, compare_items, load, run, run_header
from irg.bench.scene import SceneOptions, scene_items
from irg.pipeline import Pipeline
from tests.data.small import random_autoencoder, random_model, settings, tokenizer

pytest.importorskip("matplotlib")
OPTIONS = CompareOptions(4, (0,), turns=2, batch=2)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(
        random_model().eval(), random_autoencoder().eval(), tokenizer(), settings(128), {"name": "small"}
    )


def test_the_prompts_are_the_benchmarks_with_every_seed() -> None:
    plain = scene_items(SceneOptions(12, seed=3))
    records = compare_items(CompareOptions(12, (3, 8), seed=3))
    assert [record.item for record in records[: len(plain)]] == plain
    assert [record.item.prompt for record in records[len(plain) :]] == [item.prompt for item in plain]
    assert len({record.item.seed for record in records}) == len(records) == 2 * len(plain)
    assert len({record.key for record in records}) == len(records)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prompts": 0}, "prompts 0: expected at least 1"),
        ({"turns": 1}, "turns 1: expected at least 2"),
        ({"batch": 1}, "batch 1: expected at least 2"),
        ({"resamples": 10}, "resamples 10: expected at least 1000"),
        ({"seeds": ()}, "seeds"),
        ({"seeds": (1, 1)}, "expected different numbers"),
        ({"seeds": (-1,)}, "at least 0"),
    ],
)
def test_wrong_options_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompareOptions(**wrong)


def test_an_interrupted_run_goes_on(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops in its second batch; begun again, it draws only what is missing, and ends as if in one go."""
    whole = run((pipeline, None), OPTIONS, tmp_path / "whole")
    assert len(whole) == 5
    trial, drawn = comparison.Trial, []

    class Interrupted(trial):
        def run(self) -> None:
            drawn.append([record.key for record in self.records])
            if len(drawn) == 2:
                raise KeyboardInterrupt
            super().run()

    monkeypatch.setattr(comparison, "Trial", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run((pipeline, None), OPTIONS, tmp_path / "parts")
    told: list[tuple[int, int]] = []
    parts = run((pipeline, None), OPTIONS, tmp_path / "parts", lambda done, of: told.append((done, of)))
    assert drawn == [[(0, 0), (0, 1)], [(0, 2), (0, 3), (0, 4)], [(0, 2), (0, 3), (0, 4)]]
    assert told == [(2, 5), (5, 5)]
    assert [record.key for record in parts] == [record.key for record in whole]
    for one, other in zip(parts, whole, strict=True):
        assert {name: result.thought for name, result in one.results.items()} == {
            name: result.thought for name, result in other.results.items()
        }
    run((pipeline, None), OPTIONS, tmp_path / "parts")
    assert len(drawn) == 3, "what is all there is not drawn again"


def test_what_is_saved_is_what_is_returned(pipeline: Pipeline, tmp_path: Path) -> None:
    options = CompareOptions(2, (0,), turns=2, batch=3)
    records = run((pipeline, None), options, tmp_path)
    saved = load(tmp_path / ITEMS, run_header((pipeline, None), options))
    assert [record.as_line() for record in saved] == [record.as_line() for record in records]
    with Image.open(tmp_path / SHEET) as sheet:
        assert sheet.width == 3 * (3 * 134 + 12)


def test_more_seeds_may_be_added_but_nothing_else_changed(pipeline: Pipeline, tmp_path: Path) -> None:
    options = CompareOptions(2, (0,), turns=2)
    header = run_header((pipeline, None), options)
    path = tmp_path / ITEMS
    comparison.save(path, header, compare_items(options))
    assert len(load(path, run_header((pipeline, None), CompareOptions(2, (0, 1), turns=2)))) == 3
    with pytest.raises(ValueError, match=r"another run \(prompts, turns differ\)"):
        load(path, run_header((pipeline, None), CompareOptions(3, (0,), turns=3)))
    first = json.loads(path.read_text().splitlines()[0])
    assert first["protocol"] == comparison.PROTOCOL and first["model"] == {"name": "small"}


def test_plots_that_cannot_be_drawn_are_told_before_the_work(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="matplotlib"):
        run((pipeline, None), OPTIONS, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("count", "size", "sizes"), [(5, 2, [2, 3]), (6, 2, [2, 2, 2]), (3, 8, [3]), (0, 4, [])]
)
def test_no_batch_is_of_one_alone(count: int, size: int, sizes: list[int]) -> None:
    records = compare_items(CompareOptions(40, (0,)))[:count]
    batches = comparison._batches(records, size)
    assert [len(batch) for batch in batches] == sizes
    assert [record for batch in batches for record in batch] == records
