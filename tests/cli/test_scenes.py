"""The scene world at the command line: prompts checked before, images judged after."""

from pathlib import Path

from irg.core.trace import Trace
from tests.cli.conftest import Run


def test_in_the_scene_world_every_image_is_judged(run: Run, scenes_checkpoint: Path) -> None:
    result = run("generate", "two red circles", "--out", "x", "--model", scenes_checkpoint)
    assert result.exit_code == 0, result.output
    for number, turn in enumerate(Trace.load(Path("x")).turns, start=1):
        assert turn.verdict is not None
        assert not turn.verdict.correct and turn.verdict.flaws  # random weights draw noise
        assert f"image {number}: {turn.verdict.flaws[0][:20]}" in result.stdout


def test_a_prompt_outside_the_world_is_told_what_to_do(run: Run, scenes_checkpoint: Path, work: Path) -> None:
    result = run("generate", "a dog", "--out", "x", "--model", scenes_checkpoint)
    assert result.exit_code == 2
    for words in (
        "outside the model's world",
        "'dog'",
        "circle",
        "--model ByteDance-Seed/BAGEL-7B-MoT",
        "--force",
    ):
        assert words in result.stderr
    assert not any(work.iterdir())


def test_force_draws_it_anyway_without_a_verdict(run: Run, scenes_checkpoint: Path) -> None:
    result = run("generate", "a dog", "--out", "x", "--force", "--turns", 1, "--model", scenes_checkpoint)
    assert result.exit_code == 0, result.output
    assert Trace.load(Path("x")).turns[0].verdict is None
    assert "this prompt is outside the model's world" in " ".join(result.stderr.split())
