import json
from pathlib import Path

from tests.cli.conftest import Run


def test_plans_are_listed(run: Run) -> None:
    listed = json.loads(run("plan", "list", "--json").stdout)
    assert listed["thinkmorph"]["checkpoints"] == ["ThinkMorph/ThinkMorph-7B"]
    assert "thinkmorph" in run("plan", "list").stdout


def test_a_plan_is_shown_as_it_stands(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(run("plan", "show", "irg").stdout)
    assert run("plan", "check", str(tmp_path / "mine.yaml")).stdout.endswith(
        "is in order: up to 2 pictures\n"
    )
    assert json.loads(run("plan", "show", "irg", "--json").stdout)["max_repeats"] == 1


def test_what_may_surprise_is_remarked_on(run: Run) -> None:
    assert "counts as 5.5" in run("plan", "check", "bagel-t2i").stderr
    told = json.loads(run("plan", "check", "bagel-t2i", "--json").stdout)
    assert told["images"] == 1 and len(told["remarks"]) == 1


def test_a_plan_is_tried_with_given_texts(run: Run) -> None:
    lines = run("plan", "walk", "irg", "--text", "a plan").stdout.splitlines()
    assert lines[0] == "write T < S P" and lines[-1] == "... waits for a text"


def test_prompts_are_fetched_beforehand(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("Draw.")
    (tmp_path / "p.yaml").write_text("plan: 1\nsystem: {file: s.txt}\nfirst: [{draw: I, reads: [system]}]\n")
    assert "5 characters" in run("plan", "fetch", str(tmp_path / "p.yaml")).stdout
    assert "none of its own" in run("plan", "fetch", "irg").stdout


def test_the_schema_is_printed(run: Run) -> None:
    assert json.loads(run("plan", "schema").stdout)["title"] == "StepPlan"
