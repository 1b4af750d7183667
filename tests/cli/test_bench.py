import json
from pathlib import Path

from tests.cli.conftest import Run

SCENE = ("bench", "scene", "--prompts", 2, "--turns", 1)


def test_a_run_from_beginning_to_end_and_again(run: Run, work: Path, scenes_checkpoint: Path) -> None:
    """A second call with the same options finds all drawn; with others it draws beside it."""
    arguments = (*SCENE, "--model", scenes_checkpoint, "--out", "found", "--json")
    first = run(*arguments)
    assert first.exit_code == 0, first.output
    summary = json.loads(first.stdout)
    assert set(summary) == {"protocol", "prompts", "seed", "model", "turns", "changes"}
    assert [turn["count"] for turn in summary["turns"]] == [2, 2]
    written = {path.name: path.read_bytes() for path in (work / "found").iterdir() if path.is_file()}
    assert set(written) == {".irg.json", "summary.json", "items.jsonl", "sheet.png"}
    assert json.loads(written["summary.json"]) == summary and "already" not in first.stderr
    second = run(*arguments)
    assert second.exit_code == 0 and json.loads(second.stdout) == summary
    assert "holds 8 of 8 already" in " ".join(second.stderr.split())
    assert written == {name: (work / "found" / name).read_bytes() for name in written}
    other = run(*arguments, "--seed", 1)
    assert other.exit_code == 0 and "already" not in other.stderr
    assert len(list((work / "found" / "drawn").iterdir())) == 2


def test_results_of_others_are_not_replaced(run: Run, work: Path, scenes_checkpoint: Path) -> None:
    arguments = (*SCENE, "--model", scenes_checkpoint, "--out", "found")
    (work / "found").mkdir()
    (work / "found" / "summary.json").write_text('{"protocol": "theirs"}')
    refused = run(*arguments)
    assert refused.exit_code == 2 and "holds 'summary.json' and no scene benchmark" in refused.stderr
    assert [path.name for path in (work / "found").iterdir()] == ["summary.json"]
    (work / "found" / "summary.json").write_text('{"protocol": "irg-scene-1"}')  # without a marker, but ours
    assert run(*arguments).exit_code == 0


def test_without_a_folder_nothing_is_left(run: Run, work: Path, scenes_checkpoint: Path) -> None:
    before = set(work.rglob("*"))
    result = run(*SCENE, "--model", scenes_checkpoint)
    assert result.exit_code == 0 and "irg-scene-2, 2 held-out prompts, seed 0" in " ".join(
        result.stdout.split()
    )
    assert set(work.rglob("*")) == before


def test_an_incomplete_run_fails_after_saying_what_it_has(
    run: Run, work: Path, scenes_checkpoint: Path
) -> None:
    arguments = (*SCENE, "--model", scenes_checkpoint, "--out", "found", "--json")
    assert run(*arguments).exit_code == 0
    (drawn,) = (work / "found" / "drawn").iterdir()
    (drawn / "pictures" / "direct-00001-0-0.png").unlink()
    result = run(*arguments)
    assert result.exit_code != 0
    assert "7 of 8 pictures judged (1 no picture)" in " ".join(result.stderr.split())
    assert json.loads(result.stdout)["incomplete"]["judged"] == 7
