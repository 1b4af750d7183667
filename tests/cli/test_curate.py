import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from irg.data.formats import Format, detect
from tests.cli.conftest import Run

RECIPE = Path(__file__).parents[2] / "recipes" / "scene.yaml"
SMALL = ("think.student=0", "draw.flawed=1", "shard=4", "emit.held_out=0.3", "--count", "8", "--out", "set")
"""Every first picture is flawed on purpose: nothing has to be drawn by a model."""
TEACHER = {
    "out": "set",
    "propose": {"by": "grammar", "count": 50},
    "think": {"by": "teacher", "teacher": "wise"},
    "improve": {"by": "oracle"},
    "judge": {"by": "oracle"},
    "reflect": {"by": "oracle"},
    "teachers": {
        "wise": {
            "endpoint": {"base_url": "http://localhost:1/v1", "model": "m", "prices": {"m": {"output": 10}}},
        }
    },
}


def teacher_recipe(work: Path, **changed: Any) -> Path:
    path = work / "teacher.yaml"
    path.write_text(yaml.safe_dump({**TEACHER, **changed}))
    return path


def test_makes_a_set_with_its_report_once(run: Run, work: Path) -> None:
    first = run("curate", RECIPE, *SMALL)
    assert first.exit_code == 0, first.output
    said = " ".join(first.stdout.split())
    assert "8 traces (" in said and "in set/data" in said and "report: set/report.html" in said
    for stage in ("propose", "think", "draw", "improve", "judge", "reflect", "filter", "select"):
        assert f"│ {stage} " in said
    assert "records/s" in said and detect(work / "set" / "data" / "train") is Format.TRACES
    assert (work / "set" / "report.html").read_text().startswith("<!doctype html>")
    assert yaml.safe_load((work / "set" / "curate.yaml").read_text())["propose"]["count"] == 8

    times = {path: path.stat().st_mtime_ns for path in work.rglob("*.parquet")}
    again = run("curate", RECIPE, *SMALL, "--json")
    content = json.loads(again.stdout)
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*.parquet")} == times
    assert sum(content["traces"].values()) == 8 and content["stages"]["draw"]["taken"] == 8
    assert content["stopped"] is None and content["spent"] == [] and content["rejects"] == {}

    (work / "set" / "report.html").unlink()
    told = run("curate", "report", "set")
    assert told.stdout.strip() == "set/report.html" and (work / "set" / "report.html").exists()


def test_a_folder_of_others_is_refused_before_any_work(run: Run, work: Path) -> None:
    thesis = work / "proj" / "data" / "raw" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("irreplaceable")
    refused = run("curate", RECIPE, *SMALL, "--out", "proj", "-q")
    assert refused.exit_code == 2 and "holds 'data' and no curation that irg made" in refused.output
    assert [path for path in (work / "proj").rglob("*") if path.is_file()] == [thesis]


def test_what_others_put_into_a_set_stays(run: Run, work: Path) -> None:
    run("curate", RECIPE, *SMALL, "-q")
    (work / "set" / "data" / "raw").mkdir()
    (work / "set" / "data" / "raw" / "thesis.txt").write_text("irreplaceable")
    refused = run("curate", RECIPE, *SMALL, "-q", "--count", "4")
    assert refused.exit_code == 2 and "which irg did not write" in " ".join(refused.output.split())
    assert (work / "set" / "data" / "raw" / "thesis.txt").exists()


def test_the_set_is_training_data_as_it_is(run: Run, work: Path) -> None:
    run("curate", RECIPE, *SMALL, "--quiet")
    found = json.loads(run("data", "inspect", "set/data/train", "--json").stdout)
    held_out = json.loads(run("data", "inspect", "set/data/held_out", "--json").stdout)
    assert found["usable"] + held_out["usable"] == 8 and found["rejected"] == []
    assert found["modes"]["improving_full"]["documents"] == found["usable"]
    recipe = yaml.safe_load((RECIPE.parent / "smoke.yaml").read_text())
    recipe["data"] = [{"path": "set/data/train", "modes": {"initial_full": 1, "improving_full": 1}}]
    recipe["batch"] = {"tokens": 1024, "rows": 1}
    (work / "train.yaml").write_text(yaml.safe_dump(recipe))
    trained = run("train", "train.yaml", "out=trained", "steps=1")
    assert trained.exit_code == 0, trained.output
    assert (work / "trained" / "checkpoint").is_dir()


def test_a_dry_run_tells_what_it_would_take_and_does_nothing(run: Run, work: Path) -> None:
    recipe = teacher_recipe(work)
    planned = run("curate", recipe, "--dry-run", "--max-requests", 40, "--json")
    assert planned.exit_code == 0, planned.output
    plan = json.loads(planned.stdout)
    think = next(stage for stage in plan["stages"] if stage["name"] == "think")
    assert think["resource"] == "endpoint" and think["model"] == "m" and think["estimate"]["requests"] == 50
    assert plan["count"] == 50 and plan["total"]["money"] > 0
    assert plan["problems"] == ["50 requests are expected, 40 may still be made"]
    assert "50 requests are expected" in run("curate", recipe, "--dry-run", "--max-requests", 40).stdout
    assert not (work / "set").exists()


def test_a_run_that_its_endpoint_stops_says_so(run: Run, work: Path) -> None:
    recipe = teacher_recipe(work)
    stopped = run("curate", recipe, "--max-requests", 0, "--count", 4)
    assert stopped.exit_code == 1
    assert "max_requests" in stopped.stderr and "goes on from there" in stopped.stderr
    assert (work / "set" / "report.html").exists() and "0 traces" in stopped.stdout


def test_a_teacher_that_is_not_there_is_told_before_anything_is_done(run: Run, work: Path) -> None:
    quick = ("teachers.wise.endpoint.attempts=1", "--count", 4)
    refused = run("curate", teacher_recipe(work), *quick)
    assert refused.exit_code == 2 and "Traceback" not in refused.output
    said = " ".join(refused.output.split())
    assert "m at http://localhost:1/v1 does not answer a first question: connection lost" in said
    assert not list((work / "set").rglob("*.parquet"))


def test_an_empty_set_is_an_error_that_says_why(run: Run, work: Path) -> None:
    emptied = run("curate", RECIPE, *SMALL, "filter.thought=[1,2]")
    assert emptied.exit_code == 1 and "the set is empty" in emptied.stderr
    assert "rejected by filter: 8 thought too long, such as:" in " ".join(emptied.stdout.split())
    content = json.loads(run("curate", RECIPE, *SMALL, "filter.thought=[1,2]", "--json").stdout)
    assert content["examples"][0]["reason"] == "thought too long" and content["examples"][0]["said"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.yaml",), "no such recipe"),
        ((RECIPE, "draw.elephants=1"), "elephants"),
        ((RECIPE, "draw.model=nowhere/at/all", "--out", "x"), "nowhere"),
        ((RECIPE, "--count", "0"), "--count"),
        (("report", "nowhere"), "no finished curation"),
        ((RECIPE, "--ray", "", "--out", "x"), "empty address"),
    ],
)
def test_says_what_is_wrong(run: Run, arguments: tuple[object, ...], message: str) -> None:
    result = run("curate", *arguments)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert message in " ".join(result.output.split())


def test_help_names_both_commands(run: Run) -> None:
    said = run("curate", "--help").stdout
    assert "run" in said and "report" in said and "--dry-run" in run("curate", "run", "--help").stdout
