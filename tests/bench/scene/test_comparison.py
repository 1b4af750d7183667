import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from irg.bench.scene import comparison
from irg.bench.scene.comparison import (
    SHOWN,
    CompareOptions,
    Contestants,
    Found,
    compare_items,
    header_of,
    in_batches,
    run,
    series_of,
    some,
    write_sheet,
)
from irg.bench.scene.conditions import Scope
from irg.bench.scene.items import COMBINATIONS, COMPOUNDS, MAIN, SceneOptions, scene_items
from irg.bench.scene.records import PromptRecord
from irg.bench.store import SeriesStore, as_line
from irg.model.checkpoint import CheckpointFolder
from irg.pipeline.load import NamedCheckpoint
from tests.data.small import random_autoencoder, random_model, settings, tokenizer
from tests.models import save_model

pytest.importorskip("matplotlib")
OPTIONS = CompareOptions(2, (0,), turns=2, batch=2, ablation_prompts=1, curve_prompts=1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> NamedCheckpoint:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_model(random_model(), folder)
    CheckpointFolder(folder).save_autoencoder(random_autoencoder())
    tokenizer().save(folder)
    settings(128).save(folder)
    return NamedCheckpoint(str(folder), "cpu")


@pytest.fixture(scope="module")
def contestants(checkpoint: NamedCheckpoint) -> Contestants:
    return Contestants(checkpoint, checkpoint, {"other": checkpoint}, {70: checkpoint})


def essence(records: list[PromptRecord]) -> list[Any]:
    """All of the records but how long things took."""
    lines = [json.loads(as_line(record)) for record in records]
    for line in lines:
        for result in line["results"].values():
            del result["cost"]["seconds"]
    return lines


def test_the_prompts_are_the_benchmarks_with_every_seed() -> None:
    plain = scene_items(SceneOptions(12, seed=3))
    records = compare_items(CompareOptions(12, (3, 8), seed=3))
    assert [record.item for record in records[: len(plain)]] == plain
    assert [record.prompt for record in records[len(plain) :]] == [item.prompt for item in plain]
    assert len({record.item.seeds for record in records}) == len(records) == 2 * len(plain)
    assert len({record.key for record in records}) == len(records)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prompts": 0}, "prompts 0: expected at least 1"),
        ({"turns": 1}, "turns 1: expected at least 2"),
        ({"batch": 1}, "batch 1: expected at least 2"),
        ({"ablation_prompts": 0}, "ablation_prompts 0: expected at least 1"),
        ({"resamples": 10}, "resamples 10: expected at least 1000"),
        ({"seeds": ()}, "seeds"),
        ({"seeds": (1, 1)}, "expected different numbers"),
        ({"seeds": (-1,)}, "at least 0"),
    ],
)
def test_wrong_options_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompareOptions(**wrong)


def test_the_few_are_the_first_prompts_with_the_first_seed() -> None:
    records = compare_items(CompareOptions(60, (4, 2)))
    few = some(records, 30)
    assert [record.index for record in few] == [*range(30), *range(60, 66), *range(72, 78)]
    assert {record.seed for record in few} == {4}
    assert [record.group for record in few[29:]] == [MAIN, *[COMBINATIONS] * 6, *[COMPOUNDS] * 6]
    assert some(records, 1000) == records[:84]


def test_each_checkpoint_draws_its_share_once(contestants: Contestants) -> None:
    options = CompareOptions(12, (0, 1), turns=4, ablation_prompts=5, curve_prompts=3)
    every, records = series_of(contestants, options), compare_items(options)
    assert [one.name for one in every] == ["model", "base", "also-other", "step-00000070"]
    model, base, other, step = every
    for one in (model, base):
        assert sorted(record.key for record in one.records) == sorted(record.key for record in records)
    assert [scope for _, scope in model.groups] == [Scope(4, True, True), Scope(2, True)]
    assert list(model.groups[0][0]) == other.records == some(records, 5)
    assert [record.index for record in step.records] == [0, 1, 2] and step.step == 70
    batches = list(model.batches(4))
    assert sorted(record.key for batch in batches for record in batch.records) == sorted(
        record.key for record in records
    )


def test_the_sheets_pictures_are_those_of_the_first_prompts(contestants: Contestants) -> None:
    options = CompareOptions(40, (0, 1), ablation_prompts=10)
    shown = [
        (batch.records[row].seed, batch.records[row].index)
        for batch in series_of(contestants, options)[0].batches(16)
        for row in batch.shown
    ]
    assert sorted(shown) == [(0, index) for index in range(SHOWN)]


@pytest.fixture(scope="module")
def whole(contestants: Contestants, tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, Path]:
    folder = tmp_path_factory.mktemp("whole")
    return run(contestants, OPTIONS, folder, workers=2), folder


def test_interrupted_and_drawn_by_another_number_of_processes_it_is_the_same(
    contestants: Contestants, whole: tuple[Found, Path], tmp_path: Path
) -> None:
    """It stops after its second batch; begun again, it draws only what is missing."""
    told: list[tuple[int, int]] = []

    def interrupt(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(contestants, OPTIONS, tmp_path, progress=interrupt)
    found = run(contestants, OPTIONS, tmp_path, progress=lambda *numbers: told.append(numbers))
    # Six batches: the model's few and the rest, the base's two, the other's, and the point of the curve.
    assert told[0][0] == 0 and told[2] == told[3] and told[-1][0] == told[-1][1]
    assert len(told) == 3 + 1 + (6 - 2)
    assert essence(found.records) == essence(whole[0].records)
    assert essence(found.curve[70]) == essence(whole[0].curve[70])
    told.clear()
    run(contestants, OPTIONS, tmp_path, progress=lambda *numbers: told.append(numbers))
    assert len(told) == 1, "what is all there is not drawn again"


def test_every_checkpoints_results_stand_side_by_side(whole: tuple[Found, Path]) -> None:
    found, _ = whole
    assert [record.key for record in found.records] == [record.key for record in compare_items(OPTIONS)]
    first, second = (record.results for record in found.records[:2])
    assert {"base", "base_thought", "direct", "turn2", "no_view", "redraw", "other/turn2"} <= set(first)
    assert set(second) == {
        "base", "base_thought", "direct", "turn1", "turn2", "again", "best_of_2", "twice_steps"
    }  # fmt: skip
    # All are the same checkpoint here, so that they draw the same.
    assert first["base"].thought is None
    assert first["base"].fidelity.score == pytest.approx(first["direct"].fidelity.score, abs=1e-3)
    assert first["base_thought"].thought == first["turn1"].thought == first["other/turn1"].thought
    assert set(found.curve) == {70} and len(found.curve[70]) == 1
    score = found.curve[70][0].results["turn2"].fidelity.score
    assert score == pytest.approx(first["turn2"].fidelity.score, abs=1e-3)


def test_the_sheet_shows_what_was_drawn(
    contestants: Contestants, whole: tuple[Found, Path], tmp_path: Path
) -> None:
    write_sheet(contestants, OPTIONS, whole[1], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        colours = sheet.convert("RGB").getcolors(1 << 24) or ()
        assert sheet.width == 3 * (3 * 134 + 14) + 14 and len(colours) > 1000


def test_records_of_earlier_versions_are_still_gone_on_from(contestants: Contestants) -> None:
    """What a header holds is what `irg-scene-compare-4` has always held; another one refuses all of them."""
    header = header_of(series_of(contestants, OPTIONS)[0], OPTIONS)
    assert header.pop("model") == {
        name: value for name, value in contestants.model.identity.items() if name != "name"
    }
    scope = {"turns": 2, "alternatives": True}
    drawing = {"num_points": 3, "shift": 3.0, "clean": True, "view": True}
    scales = {"text_scale": 3.0, "renorm": "global", "renorm_min": 0.0}
    assert json.loads(json.dumps(header)) == {
        "protocol": "irg-scene-compare-4",
        "prompts": 2,
        "texts": "f65dba014eec94da",
        "few": 1,
        "seed": 0,
        "first_seed": 0,
        "batch": 2,
        "scopes": [scope | {"ablations": True}, scope | {"ablations": False}],
        "system_prompt": "Think, draw, look and improve.",
        "size": [128, 128],
        "first": drawing | {"think": True, "guidance": scales | {"image_scale": 1.0, "interval": [0.4, 1.0]}},
        "later": drawing | {"think": True, "guidance": scales | {"image_scale": 2.0, "interval": [0.0, 1.0]}},
        "text": {"temperature": 0.0, "top_p": 1.0, "max_tokens": 6},
    }


def test_more_seeds_may_be_added_but_nothing_else_changed(
    checkpoint: NamedCheckpoint, tmp_path: Path
) -> None:
    def header(**changes: Any) -> dict[str, Any]:
        options = CompareOptions(**{"prompts": 2, "seeds": (0,), "turns": 2} | changes)
        return header_of(series_of(Contestants(checkpoint), options)[0], options)

    records = compare_items(CompareOptions(2, (0,)))
    keys = [record.key for record in records]
    SeriesStore(tmp_path, "model", header(), PromptRecord).add(records, {})
    assert SeriesStore(tmp_path, "model", header(seeds=(0, 1)), PromptRecord).has(keys)
    with pytest.raises(ValueError, match=r"another run \(prompts, texts, scopes differ\)"):
        SeriesStore(tmp_path, "model", header(prompts=3, turns=3), PromptRecord)
    with pytest.raises(ValueError, match=r"another run \(texts, seed differ\)"):
        SeriesStore(tmp_path, "model", header(seed=1), PromptRecord)


def test_plots_that_cannot_be_drawn_are_told_before_the_work(
    contestants: Contestants, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="matplotlib"):
        run(contestants, OPTIONS, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("count", "size", "sizes"), [(5, 2, [2, 3]), (6, 2, [2, 2, 2]), (3, 8, [3]), (0, 4, [])]
)
def test_no_batch_is_of_one_alone(count: int, size: int, sizes: list[int]) -> None:
    records = compare_items(CompareOptions(40, (0,)))[:count]
    batches = in_batches(records, size)
    assert [len(batch) for batch in batches] == sizes
    assert [record for batch in batches for record in batch] == records


def test_batches_are_of_one_seed_so_that_another_seed_changes_none() -> None:
    one, two = (compare_items(CompareOptions(5, seeds)) for seeds in ((0,), (0, 1)))
    assert in_batches(two, 4)[: len(in_batches(one, 4))] == in_batches(one, 4)
