"""WISE by its authors' own code, which asks the judge and writes rows of scores and full records."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from irg.bench.protocol import EvidenceRow, OfficialProgram, Shown
from irg.bench.wise.answers import LEGACY as PARTS
from irg.bench.wise.files import SCORES, ResultFiles
from irg.core.files import parse_json, read_lines, read_text


def read(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    """A row for each id that has scores. Raises ValueError for files that are none of WISE's."""
    found: dict[str, list[EvidenceRow]] = {}
    for path in sorted(results.glob("*.jsonl")):
        full = path.with_name(path.name.replace("_scores_results.jsonl", "_full_results.json"))
        records = parse_json(read_text(full), full.name) if full != path and full.is_file() else []
        if not isinstance(records, list):
            raise ValueError(f"{full.name} holds {type(records).__name__}, expected a list of records")
        files = ResultFiles.read(read_lines(path), records)
        for number, row in files.scores.items():
            answer = str(files.full.get(number, {}).get("evaluation", ""))
            if scores := _scores(row):
                found[str(number)] = [EvidenceRow(0, SCORES, {**scores, "answer": answer})]
    return found


def _scores(row: Any) -> dict[str, float]:
    """Of either edition; none where one of them is missing or no number."""
    names = ("score",) if "score" in row else PARTS
    values = {name: row.get(name) for name in names}
    return values if all(isinstance(value, int | float) for value in values.values()) else {}


def legacy_program(script: str, prompts: Sequence[str]) -> OfficialProgram:
    """Run once for each file of prompts."""
    commands = []
    for path in prompts:
        name = PurePosixPath(path).stem
        commands.append(
            f"{{python}} {script} --json_path {path} --image_dir {{pictures}} "
            f"--output_dir {{results}}/{name} "
            f"--result_full {{results}}/{name}_full_results.json "
            f"--result_scores {{results}}/{name}_scores_results.jsonl "
            "--api_key $OPENAI_API_KEY --model {model} --max_workers {workers}"
        )
    return OfficialProgram(script, tuple(commands), read, {"model": "gpt-4o-2024-05-13", "workers": "16"})


def verified_program(script: str) -> OfficialProgram:
    """Its user says how it is run: it asks a server, whose address is nobody else's."""
    return OfficialProgram(script, (), read)
