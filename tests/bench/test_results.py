import json
import subprocess
import sys
from pathlib import Path

import pytest

from irg.bench.protocol import EvidenceRow, Hearing
from irg.bench.results import result_of, summarised
from irg.bench.runs import BenchRun, of_trees
from irg.bench.tree import TurnFolder
from tests.bench.small import COLOURS, ITEMS

JUDGE = {"name": "x"}


def begun(folder: Path) -> BenchRun:
    return BenchRun.begin(folder, COLOURS, ITEMS[:1], len(ITEMS), of_trees({1: TurnFolder(folder)}, "theirs"))


def test_a_result_is_made_of_rows_alone(tmp_path: Path) -> None:
    run = begun(tmp_path)
    rows = tuple(EvidenceRow(number, "colour", {"seen": [255, 0, 0]}) for number in range(2))
    store = run.evidence(JUDGE)
    assert not result_of(run, JUDGE, summarised(COLOURS, run, store))["complete"], "nothing was judged"
    store.add([Hearing(ITEMS[0].id, 1, {0: "a", 1: "b"}, {}, rows)], {})
    found = json.loads(json.dumps(result_of(run, JUDGE, summarised(COLOURS, run, store))))
    assert found["complete"] and found["partial"] == f"1 of {len(ITEMS)} prompts" and found["judge"] == JUDGE
    (turn,) = found["turns"]
    assert turn["turn"] == 1 and turn["summaries"][0]["headline"]["counted"] == 2
    assert "samples" not in turn["summaries"][0]


def test_rows_of_another_benchmark_are_no_evidence(tmp_path: Path) -> None:
    run = begun(tmp_path)
    store = run.evidence(JUDGE)
    rows = (EvidenceRow(0, "colour", {"seen": 5}), EvidenceRow(1, "smell", {}))
    store.add([Hearing(ITEMS[0].id, 1, {0: "a", 1: "b"}, {}, rows)], {})
    with pytest.raises(ValueError, match=rf"{store.path.name} holds no evidence of colours: KeyError"):
        summarised(COLOURS, run, store)


def test_rows_are_summarised_without_torch() -> None:
    """It would take more seconds and more memory than many rows."""
    loads = (
        "import sys, irg.bench.results; from irg.bench.known import benchmark\n"
        "names = ('geneval', 'geneval2', 'oneig-en', 'tiif', 'wise', 'wise-verified')\n"
        "print([benchmark(name).name for name in names if 'torch' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", loads], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
