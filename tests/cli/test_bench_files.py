import json
from pathlib import Path

from irg.bench.known import PLACES
from tests.cli.conftest import Run


def test_the_list_names_every_benchmark(run: Run) -> None:
    listed = json.loads(run("bench", "list", "--json").stdout)["benchmarks"]
    assert [one["name"] for one in listed] == list(PLACES)
    assert listed[0] == {
        "name": "scene",
        "version": 2,
        "files": "none needed",
        "variants": "scene",
        "words": "prompts of the scene world that training never saw, judged by its oracle",
    }
    assert "scene" in run("bench", "list").stdout


def test_what_needs_no_files_has_none_to_fetch(run: Run, work: Path) -> None:
    result = run("bench", "download", "scene", "--to", "here")
    assert result.exit_code == 0 and "needs no files" in result.stderr and not (work / "here").exists()


def test_only_a_run_can_be_exported(run: Run, work: Path) -> None:
    refused = run("bench", "export", ".", "--out", "official")
    assert refused.exit_code == 2 and "holds no benchmark run" in refused.stderr
    assert not (work / "official").exists()
