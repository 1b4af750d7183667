import json
from pathlib import Path

import pytest

from irg.cli.compare import curve_from, seeds_from
from tests.cli.conftest import Run

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("text", ["0 1", "0,1", " 0, 1 "])
def test_seeds_may_be_written_with_spaces_or_commas(text: str) -> None:
    assert seeds_from(text) == (0, 1)


@pytest.mark.parametrize("text", ["", "a", "1 -2", "0.5"])
def test_what_is_no_seed_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected numbers of at least 0"):
        seeds_from(text)


def test_a_comparison_from_beginning_to_end(run: Run, work: Path, scenes_checkpoint: Path) -> None:
    """With a model of random weights and an autoencoder that samples; a second call finds all done."""
    arguments = ("bench", "scene", "--compare", "--prompts", 2, "--seeds", "3", "--turns", 2, "--workers", 1)
    few = ("--ablation-prompts", 1, "--curve-prompts", 1, "--records", "drawn", "--out", "found")
    models = ("--model", scenes_checkpoint, "--base", scenes_checkpoint)
    more = ("--also", f"as it was={scenes_checkpoint}", "--curve", f"40={scenes_checkpoint}")
    first = run(*arguments, *few, *models, *more, "--json")
    assert first.exit_code == 0, first.output
    results = json.loads(first.stdout)
    assert results["seeds"] == [3] and results["counts"]["overall"] == 2 and results["base"]
    names = [found["name"] for found in results["conditions"]]
    assert {"base", "base_thought", "turn2", "no_image_branch", "as it was/turn2"} <= set(names)
    assert [point["step"] for point in results["curve"]] == [40]
    plots = {"scene_turns.png", "scene_families.png", "scene_training.png"}
    written = {path.name for path in (work / "found").iterdir()}
    assert written == {".irg.json", "results.json", "scene.md", "scene_sheet.png"} | plots
    assert json.loads((work / "found" / "results.json").read_text()) == results
    drawn = {path.name: path.read_bytes() for path in (work / "drawn").glob("*.jsonl")}
    assert set(drawn) == {"model.jsonl", "base.jsonl", "also-as it was.jsonl", "step-00000040.jsonl"}
    second = run(*arguments, *few, *models, *more)
    assert second.exit_code == 0 and "turn 2 - base" in second.stdout
    assert drawn == {path.name: path.read_bytes() for path in (work / "drawn").glob("*.jsonl")}
    other = run(*arguments, *few, *models, "--seed", 1)
    assert other.exit_code != 0 and "another run" in other.stderr


def test_a_curve_is_of_checkpoints_or_of_folders_of_them(tmp_path: Path) -> None:
    for name in ("single", "run/exported/step-00000010-ema", "run/exported/step-00000020-ema"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "llm_config.json").touch()
    single, run_folder = tmp_path / "single", tmp_path / "run"
    assert curve_from([f"5={single}"]) == {5: str(single)}
    assert list(curve_from([f"5={single}", str(run_folder)])) == [5, 10, 20]
    assert list(curve_from([f"300={run_folder}"])) == [310, 320]
    with pytest.raises(ValueError, match="both of step 10"):
        curve_from([f"10={single}", str(run_folder)])


@pytest.mark.parametrize("text", ["no-name", "=folder", "name=", "a/b=folder"])
def test_another_checkpoint_has_a_name(run: Run, scenes_checkpoint: Path, text: str) -> None:
    result = run("bench", "scene", "--compare", "--model", scenes_checkpoint, "--also", text)
    assert result.exit_code != 0 and "expected NAME=FOLDER" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "option",
    [
        ("--seeds", "1"),
        ("--base", "somewhere"),
        ("--also", "a=b"),
        ("--curve", "here"),
        ("--ablation-prompts", "3"),
        ("--curve-prompts", "3"),
        ("--records", "there"),
        ("--workers", "2"),
    ],
)
def test_options_of_the_comparison_ask_for_it(
    run: Run, scenes_checkpoint: Path, option: tuple[str, str]
) -> None:
    result = run("bench", "scene", "--model", scenes_checkpoint, *option)
    assert result.exit_code != 0 and f"{option[0]} " in result.stderr and "--compare" in result.stderr


def test_a_base_that_does_not_know_the_world_is_refused(
    run: Run, scenes_checkpoint: Path, checkpoint: Path
) -> None:
    result = run("bench", "scene", "--compare", "--model", scenes_checkpoint, "--base", checkpoint)
    assert result.exit_code != 0 and "does not know the scene world" in result.stderr
