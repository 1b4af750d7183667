"""Official code is nothing that may lie here: scripts of the same arguments and results stand for it."""

import sys
from collections.abc import Sequence
from pathlib import Path

from irg.bench.program import ProgramJudge
from irg.bench.protocol import Benchmark, EvidenceRow, JudgeOptions, Shown


def write_script(folder: Path, benchmark: Benchmark, text: str) -> Path:
    """The folder, in which this stands for the benchmark's own code."""
    assert benchmark.program is not None
    script = folder / benchmark.program.script
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(text)
    return folder


def settings(folder: Path, **more: str) -> dict[str, str]:
    return {"official": str(folder), "python": sys.executable, **more}


def judge(benchmark: Benchmark, folder: Path, **more: str) -> ProgramJudge:
    return ProgramJudge(benchmark, JudgeOptions(folder, folder, settings(folder, **more)))


def heard(judge: ProgramJudge, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    return {one.item.id: [*rows] for one, rows in judge.hear(shown)}
