import json
from pathlib import Path

import pytest

from irg.core.shipped import shipped
from tests.cli.conftest import Run


def test_lists_names_commands_and_what_they_do(run: Run) -> None:
    told = json.loads(run("recipe", "list", "--json").stdout)
    assert list(told) == list(shipped())
    assert told["smoke"]["command"] == "irg train" and told["scene"]["command"] == "irg curate"
    assert "laptop" in told["finetune_laptop"]["about"] and all(one["about"] for one in told.values())
    assert "finetune_laptop" in run("recipe", "list").stdout


def test_shows_a_recipe_as_it_is(run: Run) -> None:
    assert run("recipe", "show", "teacher").stdout == shipped()["teacher"].read_text()


def test_copies_a_recipe_and_replaces_nothing_unasked(run: Run, refuse, work: Path) -> None:
    assert run("recipe", "copy", "smoke").exit_code == 0
    assert (work / "smoke.yaml").read_bytes() == shipped()["smoke"].read_bytes()
    (work / "smoke.yaml").write_text("mine")
    assert "smoke.yaml is there already: choose another name, or --force" in refuse("recipe", "copy", "smoke")
    assert run("recipe", "copy", "smoke", "--force").exit_code == 0
    (work / "mine").mkdir()
    assert run("recipe", "copy", "smoke", "mine").exit_code == 0
    assert (work / "mine" / "smoke.yaml").exists() and (work / "smoke.yaml").read_text() != "mine"


@pytest.mark.parametrize("command", ("show", "copy"))
def test_a_name_that_there_is_not(refuse, command: str) -> None:
    assert "'smok' is no recipe that comes with irg: expected one of bagel" in refuse(
        "recipe", command, "smok"
    )


def test_other_commands_take_the_names(run: Run, refuse) -> None:
    plan = run("train", "smoke", "--dry-run")
    assert plan.exit_code == 0 and "into runs/smoke" in plan.stdout
    assert "smok: no such recipe; irg recipe list names those that come with irg" in refuse("train", "smok")
    assert "scene.yaml is of kind curate" in refuse("train", "scene")
