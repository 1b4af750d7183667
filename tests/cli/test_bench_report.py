from pathlib import Path

from tests.cli.conftest import Run


def test_a_page_is_made_of_stored_evidence_alone(run: Run, work: Path, scenes_checkpoint: Path) -> None:
    scene = ("bench", "run", "scene", "--prompts", 3, "--workers", 1, "--mode", "all", "--model")
    assert run(*scene, scenes_checkpoint, "--out", "found").exit_code == 0
    assert run("bench", "report", "found", "--out", "report").exit_code == 0
    html = (work / "report" / "index.html").read_text()
    assert html.count("<article") == 3 and "IRG turn 2 - IRG turn 1" in html
    assert "| base | IRG turn 1 | IRG turn 2 |" in (work / "report" / "table.md").read_text()
    refused = run("bench", "report", "report", "--out", "again")
    assert refused.exit_code == 2 and "holds no benchmark run" in refused.stderr
    foreign = run("bench", "report", "found", "--out", "found")
    assert foreign.exit_code == 2 and "holds a benchmark run, not a benchmark report" in foreign.stderr
