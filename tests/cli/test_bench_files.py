import json
from pathlib import Path

import pytest

from irg.bench.known import PLACES
from irg.bench.wise.benchmark import OF_2026
from tests.bench.judging_server import picture, words
from tests.bench.wise.sources import write_sources
from tests.cli.conftest import Run
from tests.endpoint.fake_server import Behaviour, serving


def test_the_list_names_every_benchmark(run: Run) -> None:
    listed = json.loads(run("bench", "list", "--json").stdout)["benchmarks"]
    assert [one["name"] for one in listed] == list(PLACES)
    assert listed[0] == {
        "name": "scene",
        "version": 2,
        "files": "none needed",
        "hashes": "none needed",
        "variants": "scene",
        "words": "prompts of the scene world that training never saw, judged by its oracle",
    }
    hashes = {one["name"]: one["hashes"] for one in listed}
    assert hashes["geneval"] == "pinned" and hashes["genai-bench"] == "2 of 2 by first fetch"
    told = run("bench", "list").stdout.splitlines()
    assert told[0] == f"scene (version 2): {listed[0]['words']}"
    assert told[1] == "  variants: scene; official files: none needed"
    assert [line.split()[0] for line in told[::2]] == list(PLACES), "no name is cut short"


def test_the_list_says_whose_files_are_here(run: Run, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRG_BENCH_SOURCES", "sources")
    (work / "sources" / "geneval").mkdir(parents=True)
    (work / "sources" / "geneval" / "evaluation_metadata.jsonl").write_text("{}\n")
    listed = json.loads(run("bench", "list", "--json").stdout)["benchmarks"]
    states = {one["name"]: one["files"] for one in listed}
    assert (states["geneval"], states["wise"]) == ("modified", "not here")


def test_what_needs_no_files_has_none_to_fetch(run: Run, work: Path) -> None:
    result = run("bench", "download", "scene", "--to", "here")
    assert result.exit_code == 0 and "needs no files" in result.stderr and not (work / "here").exists()


def test_only_a_run_can_be_exported(run: Run, work: Path) -> None:
    refused = run("bench", "export", ".", "--out", "official")
    assert refused.exit_code == 2 and "holds no benchmark run" in refused.stderr
    assert not (work / "official").exists()


def test_pictures_that_a_judge_behind_an_address_has_scored_are_exported_with_what_it_said(
    run: Run, work: Path
) -> None:
    pytest.importorskip("openai", reason="judges behind addresses need the extra `bench`")
    write_sources(work / "sources", OF_2026, range(1, 7))
    (work / "pictures").mkdir()
    for number in range(1, 6):
        (work / "pictures" / f"{number}.png").write_bytes(picture((number, 0, 0)).data)
    arguments = ("pictures", "--benchmark", "wise-verified", "--out", "run", "--sources", "sources")
    arguments += ("--allow-modified-data", "--json")
    with serving(Behaviour(answer=lambda body: "?" if '"p5"' in words(body) else "Score: 1")) as server:
        judge = [f"base_url={server.url}", "modified_templates=true", "wait=0.01"]
        told = [part for setting in judge for part in ("--judge", setting)]
        scored = run("bench", "score", *arguments, *told)
        assert scored.exit_code == 1, "it is incomplete"
        again = run("bench", "score", *arguments, *told)
        assert server.num_requests == 4 + 3 + 3, "only what could not be read is asked again"
    assert again.exit_code == 1
    result = json.loads(again.stdout)
    assert result["judge"]["model"] == "Qwen3.5-35B-A3B"
    assert run("bench", "export", "run", "--out", "official").exit_code == 0
    name = "results1/cultural_common_sense_verified_scores_results.jsonl"
    rows = [json.loads(line) for line in (work / "official" / name).read_text().splitlines()]
    assert [row["prompt_id"] for row in rows] == [1, 2, 3, 4] and {row["score"] for row in rows} == {1.0}
    assert (work / "official" / "turn1" / "5.png").is_file()
