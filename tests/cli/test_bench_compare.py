import json
from pathlib import Path

import pytest

from irg.cli.compare import seeds_from
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
    arguments = ("bench", "scene", "--compare", "--prompts", 2, "--seeds", "3", "--turns", 2, "--json")
    models = ("--model", scenes_checkpoint, "--base", scenes_checkpoint)
    first = run(*arguments, *models, "--out", "found")
    assert first.exit_code == 0, first.output
    results = json.loads(first.stdout)
    assert results["seeds"] == [3] and results["counts"]["overall"] == 2 and results["base"]
    names = [found["name"] for found in results["conditions"]]
    assert {"base", "base_thought", "turn2", "no_image_branch"} <= set(names)
    expected = {"results.json", "items.jsonl", "scene.md", "scene_turns.png", "scene_families.png"}
    assert {path.name for path in (work / "found").iterdir()} == expected | {"scene_sheet.png"}
    assert json.loads((work / "found" / "results.json").read_text()) == results
    drawn = (work / "found" / "items.jsonl").read_bytes()
    second = run(*arguments[:-1], *models, "--out", "found")
    assert second.exit_code == 0 and "turn 2 - base" in second.stdout
    assert (work / "found" / "items.jsonl").read_bytes() == drawn
    other = run(*arguments[:-1], "--model", scenes_checkpoint, "--out", "found")
    assert other.exit_code != 0 and "another run" in other.stderr


@pytest.mark.parametrize("option", [("--seeds", "1"), ("--base", "somewhere")])
def test_options_of_the_comparison_ask_for_it(
    run: Run, scenes_checkpoint: Path, option: tuple[str, str]
) -> None:
    if option[0] == "--base":
        option = ("--base", str(scenes_checkpoint))
    result = run("bench", "scene", "--model", scenes_checkpoint, *option)
    assert result.exit_code != 0 and f"{option[0]} " in result.stderr and "--compare" in result.stderr


def test_a_base_that_does_not_know_the_world_is_refused(
    run: Run, scenes_checkpoint: Path, checkpoint: Path
) -> None:
    result = run("bench", "scene", "--compare", "--model", scenes_checkpoint, "--base", checkpoint)
    assert result.exit_code != 0 and "does not know the scene world" in result.stderr
