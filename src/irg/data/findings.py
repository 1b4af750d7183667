"""What a survey found out about a stream, and the JSON files in which that is kept for the next run."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irg.core.files import read_json, write_atomically
from irg.data.source import Fault, RowError

VERSION = 1


@dataclass(eq=False)
class Findings:
    """Lengths and errors of all rows of a stream, filled in the order of the rows."""

    tokens: list[int] = field(default_factory=list)
    """All lengths in order."""
    counts: list[int] = field(default_factory=list)
    """How many of them belong to each row; 0 if it cannot be used."""
    errors: dict[int, RowError] = field(default_factory=dict)
    """By row."""
    elsewhere: int = 0
    """Rows that are meant for other modes."""

    def add(self, lengths: list[int]) -> None:
        """The next row: no lengths if it cannot be used."""
        self.tokens += lengths
        self.counts.append(len(lengths))


def recall(folder: Path | None, key: dict[str, Any] | None) -> Findings | None:
    """What `remember` left in the folder for the same key, or None."""
    if folder is None or key is None or not (path := _path(folder, key)).exists():
        return None
    try:
        content = read_json(path, most_bytes=1 << 40)
        errors = {
            index: RowError(file, row, Fault(reason), detail)
            for index, file, row, reason, detail in content["errors"]
        }
        return Findings(content["tokens"], content["counts"], errors, content["elsewhere"])
    except (ValueError, KeyError, TypeError) as broken:
        raise ValueError(f"{path} is not a survey that can be read ({broken}): delete it") from broken


def remember(folder: Path | None, key: dict[str, Any] | None, findings: Findings) -> None:
    """Keep the findings in the folder, in a file named by the key. Without a folder or a key, do nothing.

    A file that could not be read may be readable the next time: then nothing is kept.
    """
    if (
        folder is None
        or key is None
        or any(error.reason is Fault.UNREADABLE for error in findings.errors.values())
    ):
        return
    content = {
        "version": VERSION,
        "key": key,
        "elsewhere": findings.elsewhere,
        "errors": [[index, *error.as_json().values()] for index, error in sorted(findings.errors.items())],
        "counts": findings.counts,
        "tokens": findings.tokens,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(_path(folder, key), json.dumps(content, ensure_ascii=False) + "\n")


def _path(folder: Path, key: dict[str, Any]) -> Path:
    content = json.dumps([VERSION, key], sort_keys=True)
    return folder / f"survey-{hashlib.blake2b(content.encode(), digest_size=12).hexdigest()}.json"
