"""Lines of JSON that a run appends to, and reads again when it goes on."""

import json
from collections.abc import Iterator
from pathlib import Path

from irg.core.files import read_lines


def lines_until(path: Path, step: int, after: int = -1) -> Iterator[str]:
    """The lines about steps up to `step`, and past `after`.

    A process that was killed may have left half a line at the end, which is not among them. Raises ValueError
    for any other that is no JSON.
    """
    lines = read_lines(path)
    for number, line in enumerate(lines, start=1):
        try:
            of_line = json.loads(line)["step"]
        except ValueError as broken:
            if number == len(lines):
                return
            raise ValueError(f"{path}, line {number} is not valid JSON: {broken}") from broken
        if after < of_line <= step:
            yield line
