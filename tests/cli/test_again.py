"""The same picture from the command, the API and a replayed trace, byte for byte."""

import json
from pathlib import Path

from PIL import Image

from irg import Trace, Turn, load_pipeline, trace_of
from irg.cli.again import differing
from irg.core.trace import png
from tests.cli.conftest import SMALL, Run


def test_command_api_and_replayed_trace_draw_the_same_bytes(run: Run, checkpoint: Path) -> None:
    command = ("--seed", 5, "--temperature", 0.8, "--model", checkpoint, *SMALL)
    assert run("generate", "two red circles", "--out", "first", *command).exit_code == 0
    drawn = [Path(f"first/turn{number}.png").read_bytes() for number in (1, 2)]
    replayed = run("generate", "--from", "first/trace.json", "--out", "second")
    assert replayed.exit_code == 0, replayed.output
    assert "every picture is that of the trace, byte for byte" in replayed.stdout and not replayed.stderr
    assert [Path(f"second/turn{number}.png").read_bytes() for number in (1, 2)] == drawn
    pipeline = load_pipeline(checkpoint)
    plan = pipeline.settings.plan(width=64, height=64).with_drawing(3).with_text(0.8, max_tokens=6)
    assert [png(turn.image) for turn in pipeline("two red circles", plan, 5).turns] == drawn
    again = trace_of(pipeline.replay(Trace.load("second")))
    assert [png(turn.image) for turn in again.turns] == drawn


def test_edits_and_given_pictures_come_again_too(run: Run, checkpoint: Path) -> None:
    run("generate", "dog", "--out", "dog", "--turns", 1, "--model", checkpoint, *SMALL)
    size = ("--size", "48x32", "--steps", 2)
    run("edit", "dog/turn1.png", "red", "--out", "edit", *size, "--model", checkpoint)
    run("generate", "dog", "--image", "dog/turn1.png", "--out", "better", "--model", checkpoint, *SMALL)
    assert Trace.load("edit").image.size == (48, 32)
    first, second = Trace.load("better").turns
    assert first.given and first.verdict is None and second.image.size == (64, 64)
    for name, last in (("edit", "turn1.png"), ("better", "turn2.png")):
        result = run("generate", "--from", name, "--quiet")
        assert result.exit_code == 0, result.output
        assert Path(result.stdout.strip(), last).read_bytes() == Path(name, last).read_bytes()


def test_what_differs_is_told(run: Run, checkpoint: Path, scenes_checkpoint: Path) -> None:
    run("generate", "a dog", "--out", "dog", "--model", checkpoint, *SMALL)
    other = run("generate", "--from", "dog", "--model", scenes_checkpoint, "--points", 4, "--out", "x")
    assert other.exit_code == 0, other.output
    said = " ".join((other.stdout + other.stderr).split())
    assert "other pictures than those of the trace: 1, 2" in said
    assert [turn["num_points"] for turn in Trace.load("x").settings["turns"]] == [4, 4]
    made = json.loads(Path("dog/trace.json").read_text())
    made["model"]["fingerprint"] = "0123"
    Path("dog/trace.json").write_text(json.dumps(made))
    assert "the trace was made with fingerprint 0123, here" in run("generate", "--from", "dog").stderr


def test_pictures_of_one_trace_alone_differ() -> None:
    red, blue = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))

    def trace(*images: Image.Image) -> Trace:
        return Trace("dog", tuple(Turn(None, image) for image in images), 0)

    assert differing(trace(red, blue), trace(red.copy(), blue.copy())) == []
    assert differing(trace(red, blue, red), trace(blue, blue)) == [1, 3]
    assert differing(trace(red), trace(red.resize((8, 2)), red)) == [1, 2]


def test_a_trace_says_the_rest_itself(run: Run, checkpoint: Path, refuse) -> None:
    run("generate", "dog", "--out", "dog", "--turns", 1, "--model", checkpoint, *SMALL)
    for options in (("--seed", 0), ("--num", 2)):
        assert "the trace of --from says that itself" in refuse("generate", "--from", "dog", *options)
    assert "--turns and --from dog: the trace says that" in refuse("generate", "--from", "dog", "--turns", 2)
    assert "give either a PROMPT, --prompts" in refuse("generate", "cat", "--from", "dog")
    assert "nowhere holds no trace" in refuse("generate", "--from", "nowhere")
