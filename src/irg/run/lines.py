"""Lines of JSON that a run appends to, and reads again when it goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from irg.core.files import read_lines
from irg.core.values import check_number


def lines_until(path: Path, step: int, after: int = -1) -> Iterator[str]:
    """The lines about steps up to `step`, and past `after`.

    A process that was killed may have left half a line at the end, which is not among them. Raises ValueError
    for any other that is no JSON, and for one that is about no step.
    """
    lines = read_lines(path)
    for number, line in enumerate(lines, start=1):
        try:
            content = json.loads(line)  # which may name a file that is no Unicode
        except (ValueError, RecursionError) as broken:
            if number == len(lines):
                return
            raise ValueError(f"{path}, line {number} is not valid JSON: {broken}") from broken
        of_line: Any = content.get("step") if isinstance(content, dict) else None
        check_number(f"{path}, line {number}: step", of_line, 0, whole=True)
        if after < of_line <= step:
            yield line
