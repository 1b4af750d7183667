"""GenEval by its authors' own code: mmdetection's weights and open_clip are in its environment, and need not
be here.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from irg.bench.geneval.evidence import VERDICT
from irg.bench.protocol import EvidenceRow, OfficialProgram, Shown
from irg.core.files import parse_json, read_lines

_RESULTS = "results.jsonl"


def read(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    """Verdicts by item; which picture a line is of its path tells."""
    found: dict[str, list[EvidenceRow]] = {}
    for number, line in enumerate(read_lines(results / _RESULTS), start=1):
        row = parse_json(line, f"{_RESULTS}, line {number}")
        path = Path(row["filename"])
        verdict = {
            "correct": bool(row["correct"]),
            "reason": row["reason"] or "",
            "details": json.loads(row["details"]),
        }
        found.setdefault(path.parts[-3], []).append(EvidenceRow(int(path.stem), VERDICT, verdict))
    return found


PROGRAM = OfficialProgram(
    "evaluation/evaluate_images.py",
    (
        "{python} evaluation/evaluate_images.py {pictures} --outfile {results}/" + _RESULTS + " "
        "--model-path {models}",
    ),
    read,
    {"models": "."},
)
