"""`irg rl`: what it does, what it says beforehand, and of wrong input."""

from pathlib import Path

from tests.cli.conftest import Run
from tests.rl.played import start
from tests.rl.runs import history

RECIPE = """# A short run.
kind: rl
out: out
init: START
steps: 2
prompts: {file: prompts.jsonl}
rewards: [{kind: function, function: "tests.rl.graders:redness"}]
rollouts: {groups: 1, siblings: 2, tries: 1}
returns: {floor: 1.0e-3}
guards: {malformed: 1.0}
settings: {num_points: 3, max_thought_tokens: 4}
device: cpu
"""


def written(work: Path) -> str:
    (work / "recipe.yaml").write_text(RECIPE.replace("START", str(start())))
    (work / "prompts.jsonl").write_text('{"prompt": "a red star"}\n')
    return "recipe.yaml"


def test_a_recipe_is_run_and_not_run_twice(run: Run, work: Path) -> None:
    recipe = written(work)
    done = run("rl", recipe)
    assert done.exit_code == 0 and "done: out/checkpoint" in done.output
    assert len(history(work / "out")) == 2 and (work / "out" / "rl.yaml").exists()
    again = run("rl", recipe)
    assert again.exit_code == 2 and "go on with --resume" in again.output
    more = run("rl", recipe, "steps=3", "--resume")
    assert more.exit_code == 0 and len(history(work / "out")) == 3


def test_a_dry_run_says_what_it_takes_and_makes_nothing(run: Run, work: Path) -> None:
    told = run("rl", written(work), "--dry-run", "--processes", 2)
    assert told.exit_code == 0 and "plan for 2 processes" in told.output
    for name in ("episodes per step", "memory: model of the beginning", "memory: model that plays", "time"):
        assert name in told.output
    assert not (work / "out").exists()


def test_a_guard_that_ends_a_run_is_told_in_a_line(run: Run, work: Path) -> None:
    stopped = run("rl", written(work), "guards.malformed=0.001", "settings.max_thought_tokens=1")
    assert stopped.exit_code == 1 and "malformed text" in stopped.output
    assert "nothing was saved" in stopped.output


def test_wrong_input_is_told(run: Run, work: Path) -> None:
    recipe = written(work)
    for changes, told in (
        (["--processes", 2], "--processes is for --dry-run"),
        (["rollouts.sibling=3"], "did you mean siblings?"),
        (["prompts.file=absent.jsonl"], "absent.jsonl: no such file"),
        (['rewards=[{kind: function, function: "nowhere:grade"}]'], "reward nowhere:grade"),
        (["kind=unified"], "irg train"),
    ):
        failed = run("rl", recipe, *changes)
        assert failed.exit_code == 2 and told in failed.output.replace("\n", " "), changes
