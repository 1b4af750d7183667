import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from irg.bench.protocol import EvidenceRow, Hearing
from irg.bench.wise.benchmark import OF_2026, WISE_VERIFIED, wise_items
from irg.bench.wise.editions import official_result
from irg.bench.wise.files import SCORES, ResultFiles
from tests.bench.cases import Cases
from tests.bench.judging_server import hearing, options, picture, show, words
from tests.bench.wise.sources import record, write_sources
from tests.endpoint.fake_server import Behaviour, serving

CASES = Cases("wise_verified.json", "run")


def test_runs_are_gone_on_with_and_written_as_by_the_official_script(tmp_path: Path) -> None:
    for number, case in enumerate(CASES["run"]):
        before = (case.get("existing_scores", []), case.get("existing_full", []))
        expected = case["expected"]
        if "error" in expected:
            with pytest.raises(ValueError, match="line 1 is not valid JSON"):
                ResultFiles.read(*before)
            continue
        after, calls = gone_on_with(ResultFiles.read(*before), case, tmp_path / str(number))
        assert after.score_lines() == expected["scores_lines"], case["note"]
        assert after.full_records() == expected["full"], case["note"]
        assert sorted(calls) == sorted(expected["calls"]), case["note"]


def gone_on_with(before: ResultFiles, case: dict[str, Any], folder: Path) -> tuple[ResultFiles, list[int]]:
    """The files after a run on a case's prompts and pictures, and for which ids a judge was asked."""
    calls: list[int] = []
    told: dict[int, Iterator[str]] = {}

    def status(body: Any) -> tuple[int, dict[str, Any]]:
        asked = int(words(body).split('"')[1].removeprefix("p"))
        answers = case["answers"][str(asked)]
        calls.append(asked)
        answer = next(told.setdefault(asked, iter(answers)), answers[-1])
        if answer == "!error":
            return 500, {"error": {"message": "no"}}
        message = {"role": "assistant", "content": answer}
        return 200, {"choices": [{"message": message, "finish_reason": "stop"}], "model": "m"}

    items = wise_items([(record(one), "") for one in case["prompt_ids"]], "wise-verified", OF_2026.edition)
    shown = [
        show(item, picture((int(item.id), 0, 0)))
        for item in items
        if f"{item.id}.png" in case["images"] and int(item.id) not in before.scores
    ]
    write_sources(folder / "sources", OF_2026, range(1, 2))
    with (
        serving(Behaviour(status=status)) as server,
        WISE_VERIFIED.judge(options(server, folder, modified_templates="true", attempts="1")) as judge,
    ):
        heard = {one.item.id: hearing(one, rows) for one, rows in judge.hear(shown)}
    return before.added(items, heard, lambda item: f"<image_dir>/{item.id}.png"), calls


def test_a_row_without_an_id_is_told() -> None:
    with pytest.raises(ValueError, match="is no row of results"):
        ResultFiles.read([json.dumps({"score": 1})])


def test_the_official_calculator_makes_of_our_files_what_we_make_of_our_rows() -> None:
    items = wise_items([(record(number), "") for number in range(1, 1001)], "w", OF_2026.edition)
    heard = {
        item.id: Hearing(item.id, 1, {0: "sha"}, {}, (EvidenceRow(0, SCORES, scored(int(item.id) % 3 > 0)),))
        for item in items
    }
    assert WISE_VERIFIED.results is not None
    files = WISE_VERIFIED.results(items, heard)
    lines = [text.splitlines() for name, text in files.items() if name.endswith(".jsonl")]
    assert [len(some) for some in lines] == [400, 240, 360]
    ours = WISE_VERIFIED.summaries["verified"](items, heard).headline.value
    assert official_result(lines, OF_2026.edition).overall == pytest.approx(ours)
    full = json.loads(files["natural_science_verified_full_results.json"])
    assert full[0] == {
        "prompt_id": 641,
        "prompt": "p641",
        "key": "e641",
        "image_path": "641.png",
        "evaluation": "Score: 1",
    }


def scored(right: bool) -> dict[str, Any]:
    return {"score": float(right), "answer": f"<think>so</think>\nScore: {int(right)}"}
