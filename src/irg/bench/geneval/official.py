"""GenEval by its authors' own code: mmdetection's weights and open_clip are in its environment, and need not
be here.
"""

from collections.abc import Sequence
from pathlib import Path

from irg.bench.geneval.evidence import VERDICT
from irg.bench.protocol import EvidenceRow, OfficialProgram, Shown
from irg.core.files import parse_json, read_lines

_RESULTS = "results.jsonl"


def read(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    """Verdicts by item; which picture a line is of its path tells. Raises ValueError for a line that is no
    result of a picture."""
    found: dict[str, list[EvidenceRow]] = {}
    for number, line in enumerate(read_lines(results / _RESULTS), start=1):
        where = f"{_RESULTS}, line {number}"
        row = parse_json(line, where)
        try:
            item, _, name = Path(row["filename"]).parts[-3:]
            objects = parse_json(row["details"], f"{where}: details")
            verdict = {"correct": bool(row["correct"]), "reason": row["reason"] or "", "details": objects}
            picture = int(Path(name).stem)
        except (LookupError, TypeError, ValueError) as wrong:
            raise ValueError(f"{where} is no result of a picture: {wrong!r}") from wrong
        found.setdefault(item, []).append(EvidenceRow(picture, VERDICT, verdict))
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
