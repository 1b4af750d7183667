"""Golden cases of the benchmarks: what their official code makes of given inputs. No part of this repository.

Their licences forbid to hand them on, so tests read them from the folder that `IRG_BENCH_CASES` names, or
from `../shared/bench/cases` beside the repository, and skip where it is absent. A test module says at its top
which cases it is for, and gets at no others; `test_cases.py` finds those that no module claims.
"""

import ast
import json
import os
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
DESCRIPTION = "info"
"""The key of every file that says what the others are."""


def folder() -> Path:
    named = os.environ.get("IRG_BENCH_CASES")
    return Path(named) if named else REPOSITORY.parent / "shared" / "bench" / "cases"


def data_folder(benchmark: str) -> Path:
    """The official files of a benchmark: beside the cases, or else beside those of the usual place."""
    beside = (folder().parent, REPOSITORY.parent / "shared" / "bench")
    places = [place / "data" / benchmark for place in beside]
    return next((place for place in places if place.is_dir()), places[0])


class Cases:
    """The cases under some keys of one file, claimed by the module that makes this."""

    def __init__(self, file: str, *keys: str) -> None:
        self.file, self.keys = file, keys

    def __getitem__(self, key: str) -> Any:
        """What lies under a claimed key. Skips the test where the file, or the key, is absent."""
        assert key in self.keys, f"{self.file}: {key!r} is used but not claimed"
        path = folder() / self.file
        if not path.is_file():
            pytest.skip(f"there are no golden cases at {path}: set IRG_BENCH_CASES to their folder")
        content = json.loads(path.read_bytes())
        if key not in content:
            pytest.skip(f"{path} holds no cases of {key!r}")
        return content[key]


def claimed_by(tests: Path) -> dict[str, set[str]]:
    """Keys by file that the test modules below a folder claim, told from their source."""
    found: dict[str, set[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == Cases.__name__:
                file, *keys = (ast.literal_eval(argument) for argument in node.args)
                found.setdefault(file, set()).update(keys)
    return found


def unclaimed(where: Path, claimed: dict[str, set[str]]) -> list[str]:
    """Keys of the files in a folder that are not claimed, as `FILE: KEY`."""
    return [
        f"{path.name}: {key}"
        for path in sorted(where.glob("*.json"))
        for key in json.loads(path.read_bytes())
        if key != DESCRIPTION and key not in claimed.get(path.name, ())
    ]
