"""What was asked for reaches the plan, and what is wrong with it is told before a model is loaded."""

from pathlib import Path

from irg.core.trace import Trace
from tests.cli.conftest import SMALL, Run


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


def test_a_prompt_that_is_too_long_costs_no_load(run: Run, unloadable: Path) -> None:
    result = run("generate", "dog " * 9000, "--force", "--model", unloadable)
    assert result.exit_code == 2 and "tokens, this model takes up to 4096" in result.stderr


def test_a_batch_is_of_a_file(run: Run, checkpoint: Path) -> None:
    result = run("generate", "dog", "--batch", 4, "--model", checkpoint)
    assert result.exit_code == 2 and "--prompts and --num alone" in " ".join(result.stderr.split())


def test_several_pictures_of_one_prompt(run: Run, checkpoint: Path) -> None:
    options = ("--num", 2, "--turns", 1, "--seed", 4, "--batch", 1, "--model", checkpoint, *SMALL)
    assert run("generate", "dog", *options, "--out", "x").exit_code == 0
    traces = [Trace.load(f"x/000{number}") for number in range(2)]
    assert [(trace.prompt, trace.seed) for trace in traces] == [("dog", 4), ("dog", 5)]
    assert "2 prompts" in Path("x/index.html").read_text()
    Path("prompts.txt").write_text("dog\ncat\n")
    result = run("generate", "--prompts", "prompts.txt", *options, "--out", "x")
    assert "2 made, 2 skipped" in result.stdout
    result = run("generate", "dog", *options, "--image", "x/0000/turn1.png")
    assert result.exit_code == 2 and "turns 1: expected at least 2" in result.stderr


def test_a_picture_to_begin_with_is_another_folder(run: Run, checkpoint: Path) -> None:
    for number in (1, 2):
        run("generate", "dog", "--turns", number, "--out", f"x{number}", "--model", checkpoint, *SMALL)
    options = ("--model", checkpoint, *SMALL)
    for image in ((), ("--image", "x1/turn1.png"), ("--image", "x2/turn2.png"), ("--image", "x1/turn1.png")):
        assert run("generate", "dog", *image, *options).exit_code == 0
    assert len(list(Path("runs").iterdir())) == 3
    result = run("generate", "dog", "--turns", 1, "--image", "x1/turn1.png", *options)
    assert result.exit_code == 2 and "turns 1: expected at least 2" in result.stderr


def test_weights_of_few_bits_are_said_in_the_trace(run: Run, checkpoint: Path) -> None:
    options = ("--weights", "int8", "--dtype", "float16", "--turns", 1, "--model", checkpoint, *SMALL)
    result = run("generate", "dog", "--out", "x", *options)
    assert result.exit_code == 0, result.output
    model = Trace.load(Path("x")).model
    assert (model["weights"], model["dtype"]) == ("int8", "float16")
    run("generate", "dog", "--out", "y", "--turns", 1, "--model", checkpoint, *SMALL)
    assert "weights" not in Trace.load(Path("y")).model
    Path("prompts.txt").write_text("dog\n")
    many = ("generate", "--prompts", "prompts.txt", "--out", "many")
    for weights, outcome in ((), "1 made, 0 skipped"), (("--weights", "int8"), "1 made, 0 skipped"):
        again = run(*many, "--turns", 1, "--model", checkpoint, *SMALL, *weights)
        assert outcome in again.stdout


def test_what_is_saved_is_asked_for(run: Run, checkpoint: Path) -> None:
    options = ("--turns", 1, "--model", checkpoint, *SMALL)
    run("generate", "dog", "--out", "x", "--every", 2, "--solver", "adams", "--guided", 0.5, 0.9, *options)
    (turn,) = Trace.load(Path("x")).settings["turns"]
    assert turn["saving"] == {"every": 2, "solver": "adams", "reuse": 0.0}
    assert turn["guidance"]["interval"] == [0.5, 0.9]
    run("generate", "dog", "--out", "z", "--reuse", 0.3, *options)
    assert Trace.load(Path("z")).settings["turns"][0]["saving"]["reuse"] == 0.3
    result = run("generate", "dog", "--reuse", 0.3, "--every", 2, *options)
    assert result.exit_code == 2 and "both say when the model is run" in result.stderr
    run("generate", "dog", "--out", "y", *options)
    assert "saving" not in Trace.load(Path("y")).settings["turns"][0]
    result = run("generate", "dog", "--guided", 0.9, 0.5, *options)
    assert result.exit_code == 2 and "guidance interval (0.9, 0.5)" in result.stderr
