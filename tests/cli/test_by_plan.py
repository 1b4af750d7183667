import json
import warnings
from pathlib import Path

import pytest

from irg.cli.by_plan import PlanChoice
from irg.core.trace import Trace, png
from irg.pipeline import Settings, load_pipeline
from irg.pipeline.plans import StepPlan
from tests.cli.conftest import Run

MINE = """\
plan: 1
size: [64, 64]
write_defaults: {temperature: 0, max_tokens: 6}
draw_defaults: {points: 3, text_scale: 2}
first:
- {write: T, reads: [prompt]}
- {draw: I, reads: [prompt, T], text_branch: empty}
repeat:
- {write: R, reads: [prompt, T, I:cv, each: [R, J:cv]]}
- {draw: J, reads: [prompt, T, I:cv, each: [R, J:cv], R], text_branch: {without: [R]}}
max_repeats: 1
returns: all
"""
PROMPT = "a green star"


@pytest.fixture
def mine(work: Path) -> Path:
    path = work / "mine.yaml"
    path.write_text(MINE)
    return path


def test_a_choice_is_the_option_else_the_checkpoints_own() -> None:
    assert PlanChoice().steps(Settings()) is None
    followed = PlanChoice().steps(Settings(follows="irg"), 3)
    assert isinstance(followed, StepPlan) and followed.num_images == 3
    chosen = PlanChoice("bagel-t2i").steps(Settings(follows="irg"))
    assert chosen is not None and chosen.num_images == 1
    stopping = PlanChoice("irg", True).steps(Settings())
    assert stopping is not None and stopping.stop_when_right
    never = PlanChoice("embedded", False).steps(Settings())
    assert never is not None and not never.stop_when_right


def test_a_plan_of_turns_becomes_steps_only_to_stop() -> None:
    settings = Settings()
    plan = settings.plan(2)
    assert PlanChoice().with_stop(plan, settings) is plan
    stopping = PlanChoice(stop_when_right=True).with_stop(plan, settings)
    assert isinstance(stopping, StepPlan) and stopping.stop_when_right


def test_a_prompt_is_drawn_by_a_plan_and_again_by_the_api(
    run: Run, mine: Path, checkpoint: Path, work: Path
) -> None:
    result = run(
        "generate", PROMPT, "--plan", mine, "--turns", 3, "--model", checkpoint, "--out", "a", "--json"
    )
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["turns"]) == 3
    trace = Trace.load(work / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        *_, done = load_pipeline(checkpoint).replay(trace)
    again = done.trace  # type: ignore[union-attr]
    assert [png(turn.image) for turn in again.turns] == [png(turn.image) for turn in trace.turns]


def test_a_trace_of_a_plan_is_drawn_again(run: Run, mine: Path, checkpoint: Path) -> None:
    run("generate", PROMPT, "--plan", mine, "--model", checkpoint, "--out", "a")
    again = run("generate", "--from", "a", "--out", "b")
    assert "every picture is that of the trace, byte for byte" in " ".join(again.output.split())


def test_a_picture_to_begin_with_is_the_input_of_a_plan(
    run: Run, mine: Path, checkpoint: Path, work: Path
) -> None:
    run("generate", PROMPT, "--plan", mine, "--turns", 1, "--model", checkpoint, "--out", "a")
    (work / "edit.yaml").write_text(
        "plan: 1\nsize: input\nfirst:\n- {draw: I, reads: [input:cv, prompt], points: 3}\n"
    )
    given = ("--plan", "edit.yaml", "--image", "a/turn1.png", "--model", checkpoint, "--out", "b")
    assert run("generate", "red", *given).exit_code == 0
    assert Trace.load(work / "b").source is not None


def test_numbers_of_the_command_go_before_those_of_the_plan(
    run: Run, mine: Path, checkpoint: Path, work: Path
) -> None:
    given = ("--points", 2, "--width", 32, "--height", 64, "--turns", 1, "--max-thought-tokens", 2)
    run("generate", PROMPT, "--plan", mine, "--model", checkpoint, "--out", "a", *given)
    trace = Trace.load(work / "a")
    assert trace.image.size == (32, 64)
    write, draw = trace.settings["first"]
    assert (write["max_tokens"], draw["points"]) == (2, 2)


def test_many_prompts_go_on_by_their_plan(run: Run, mine: Path, checkpoint: Path, work: Path) -> None:
    (work / "prompts.txt").write_text("a star\na circle\n")
    asked = (
        "generate",
        "--prompts",
        "prompts.txt",
        "--plan",
        mine,
        "--model",
        checkpoint,
        "--out",
        "many",
        "--json",
    )
    assert len(json.loads(run(*asked).stdout)["made"]) == 2
    again = json.loads(run(*asked).stdout)
    assert not again["made"] and len(again["skipped"]) == 2


def test_a_picture_is_edited_by_a_plan(run: Run, checkpoint: Path, work: Path, mine: Path) -> None:
    run("generate", PROMPT, "--plan", mine, "--turns", 1, "--model", checkpoint, "--out", "a")
    (work / "edit.yaml").write_text(
        "plan: 1\nsize: input\nfirst:\n"
        "- {draw: I, reads: [input:cv, prompt], points: 3, text_branch: [input:cv]}\n"
    )
    result = run("edit", "a/turn1.png", "red", "--plan", "edit.yaml", "--model", checkpoint, "--out", "b")
    assert result.exit_code == 0 and Trace.load(work / "b").source is not None


def test_what_does_not_fit_is_told(refuse, checkpoint: Path, mine: Path) -> None:
    base = ("generate", PROMPT, "--model", checkpoint)
    assert "no such plan; irg plan list" in refuse(*base, "--plan", "nowhere")
    assert "the plan reads a picture" in refuse(*base, "--plan", "bagel-edit", "--out", "x")
    assert "turns 2: this plan draws 1 picture" in refuse(*base, "--plan", "bagel-t2i", "--turns", 2)
    assert "--think" in refuse(*base, "--plan", mine, "--no-think")


def test_a_benchmark_is_drawn_by_a_plan(run: Run, refuse, work: Path) -> None:
    assert "reads a picture" in refuse("bench", "run", "scene", "--out", "r", "--plan", "bagel-edit")
    assert "beside a plan" in refuse("bench", "run", "scene", "--out", "r", "--plan", "irg", "--mode", "base")
