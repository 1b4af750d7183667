import json
from pathlib import Path

import pytest
from PIL import Image

from irg.core.trace import Trace
from tests.cli.conftest import SMALL, Run

FILES = {"trace.json", "strip.png", "index.html", "turn1.png", "turn2.png"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_episode_is_shown_and_saved(run: Run, checkpoint: Path) -> None:
    result = run("generate", "two red circles", "--out", "x", "--model", checkpoint, *SMALL)
    assert result.exit_code == 0, result.output
    assert names(Path("x")) == FILES
    trace = Trace.load(Path("x"))
    assert (trace.prompt, trace.seed, len(trace.turns)) == ("two red circles", 0, 2)
    assert all(turn.thought and turn.verdict is None for turn in trace.turns)
    for words in (
        "thought",
        "reflection",
        "image 1",
        "image 2",
        "cap of 6 tokens",
        "saved in x",
        "strip.png",
    ):
        assert words in result.stdout


def test_the_same_seed_gives_the_same_bytes(run: Run, checkpoint: Path) -> None:
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        run("generate", "dog", "--out", folder, "--seed", seed, "--model", checkpoint, *SMALL)
    for name in ("turn1.png", "turn2.png", "strip.png"):
        a, b, c = ((Path(folder) / name).read_bytes() for folder in "abc")
        assert a == b != c


def test_turns_thoughts_and_previews(run: Run, checkpoint: Path) -> None:
    options = ("--turns", 1, "--no-think", "--preview-every", 1, "--model", checkpoint, *SMALL)
    run("generate", "A small dog!", *options)
    folder = Path("runs/a-small-dog-0")
    assert names(folder) == FILES - {"turn2.png"} | {"previews"}
    assert names(folder / "previews") == {"image1-step0001.png"}
    with Image.open(folder / "previews" / "image1-step0001.png") as preview:
        assert preview.size == (64, 64)
    assert Trace.load(folder).turns[0].thought is None


def test_every_option_reaches_the_plan(run: Run, checkpoint: Path) -> None:
    options = ("--width", 32, "--height", 48, "--points", 4, "--temperature", 0, "--max-thought-tokens", 3)
    run(
        "generate",
        "dog",
        *options,
        "--dtype",
        "bfloat16",
        "--device",
        "cpu",
        "--out",
        "x",
        "--model",
        checkpoint,
    )
    trace = Trace.load(Path("x"))
    assert trace.turns[1].image.size == (32, 48)
    assert [turn["num_points"] for turn in trace.settings["turns"]] == [4, 4]
    assert trace.settings["text"] | {"temperature": 0, "max_tokens": 3} == trace.settings["text"]
    assert (trace.model["dtype"], trace.model["device"]) == ("bfloat16", "cpu")


def test_an_episode_replaces_the_one_before_and_nothing_else(run: Run, checkpoint: Path) -> None:
    run("generate", "dog", "--out", "x", "--turns", 3, "--preview-every", 1, "--model", checkpoint, *SMALL)
    Path("x/notes.txt").write_text("mine")
    result = run("generate", "cat", "--out", "x", "--turns", 2, "--model", checkpoint, *SMALL)
    assert result.exit_code == 0, result.output
    assert names(Path("x")) == FILES | {"notes.txt"}
    assert Trace.load(Path("x")).prompt == "cat"


def test_what_a_killed_run_left_is_no_obstacle(run: Run, checkpoint: Path) -> None:
    run("generate", "dog", "--out", "x", "--preview-every", 1, "--model", checkpoint, *SMALL)
    Path("x/trace.json").unlink()
    Path("x/.partial-abc").mkdir()
    assert run("generate", "dog", "--out", "x", "--model", checkpoint, *SMALL).exit_code == 0
    assert Trace.load(Path("x")).prompt == "dog"


def test_quiet_prints_the_folder_alone(run: Run, checkpoint: Path) -> None:
    result = run("generate", "dog", "--out", "x", "--quiet", "--model", checkpoint, *SMALL)
    assert (result.stdout, result.stderr) == ("x\n", "")


def test_json_is_alone_on_stdout(run: Run, checkpoint: Path) -> None:
    result = run("generate", "dog", "--out", "x", "--json", "--model", checkpoint, *SMALL)
    content = json.loads(result.stdout)
    assert "thought" in result.stderr
    assert [Path(turn["image"]).is_file() for turn in content["turns"]] == [True, True]
    assert Path(content["strip"]).is_file() and Path(content["page"]).is_file()


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


class TestPromptFile:
    @pytest.fixture
    def generate(self, run: Run, scenes_checkpoint: Path):
        def invoke(lines: str, *options: object):
            Path("prompts.txt").write_text(lines)
            fixed = ("--prompts", "prompts.txt", "--out", "many", "--turns", 1, "--model", scenes_checkpoint)
            return run("generate", *fixed, *options)

        return invoke

    def test_every_line_gets_a_folder(self, generate) -> None:
        result = generate("a red circle\n\n  a blue star\n", "--seed", 7)
        assert result.exit_code == 0, result.output
        assert names(Path("many")) == {"0000", "0001"}
        traces = [Trace.load(Path("many") / name) for name in ("0000", "0001")]
        assert [(trace.prompt, trace.seed) for trace in traces] == [("a red circle", 7), ("a blue star", 8)]
        assert "2 made, 0 skipped, 0 failed" in result.stdout

    def test_what_is_there_is_skipped_and_what_differs_is_drawn_again(self, generate) -> None:
        generate("a red circle\na blue star\n")
        before = [(Path("many") / name / "trace.json").stat().st_mtime_ns for name in ("0000", "0001")]
        result = generate("a red circle\na pink star\ntwo hearts\n")
        after = [(Path("many") / name / "trace.json").stat().st_mtime_ns for name in ("0000", "0001")]
        assert "2 made, 1 skipped, 0 failed" in result.stdout
        assert before[0] == after[0] and before[1] != after[1]
        assert "0 skipped" in generate("a red circle\n", "--points", 4).stdout

    def test_a_half_written_folder_is_drawn_again(self, generate) -> None:
        generate("a red circle\n")
        Path("many/0000/turn1.png").unlink()
        assert "1 made, 0 skipped" in generate("a red circle\n").stdout
        assert Trace.load(Path("many/0000")).prompt == "a red circle"

    def test_a_failed_prompt_is_counted_and_does_not_stop_the_others(self, generate) -> None:
        result = generate("a red circle\na dog\na blue star\n", "--json")
        assert result.exit_code == 1
        content = json.loads(result.stdout)
        assert [Path(episode["folder"]).name for episode in content["made"]] == ["0000", "0002"]
        assert [(failure["number"], failure["prompt"]) for failure in content["failed"]] == [(1, "a dog")]
        assert "outside" in content["failed"][0]["error"]
        assert "failed 0001 'a dog'" in result.stderr
        assert names(Path("many")) == {"0000", "0002"}

    def test_a_folder_with_other_things_is_refused(self, generate) -> None:
        Path("many").mkdir()
        Path("many/thesis.txt").write_text("mine")
        result = generate("a red circle\n")
        assert result.exit_code == 2 and "thesis.txt" in result.stderr
        assert names(Path("many")) == {"thesis.txt"}

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [(b"", "holds no prompts"), (b" \n\n", "holds no prompts"), (b"\xff\xfe", "UTF-8")],
    )
    def test_a_file_without_prompts_is_refused(
        self, run: Run, checkpoint: Path, content: bytes, complaint: str
    ) -> None:
        Path("prompts.txt").write_bytes(content)
        result = run("generate", "--prompts", "prompts.txt", "--model", checkpoint)
        assert result.exit_code == 2 and complaint in result.stderr
        assert not Path("runs").exists()
