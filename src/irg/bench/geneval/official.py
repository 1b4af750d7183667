"""GenEval by its authors' own code, in a folder and a Python environment that the user names: mmdetection's
weights and open_clip are there, and need not be here.
"""

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from irg.bench.failing import failed_row
from irg.bench.geneval.evidence import VERDICT
from irg.bench.geneval.tree import files_of, texts_of
from irg.bench.protocol import EvidenceRow, Judge, JudgeOptions, Shown
from irg.bench.settings import read_settings
from irg.core.files import parse_json, read_lines

OFFICIAL = "official"
"""The setting that names the folder of the official code."""
_SCRIPT = Path("evaluation", "evaluate_images.py")
_RESULTS = "results.jsonl"
_SHOWN = 5
"""Last lines of what the script says when it fails."""


def official_judge(options: JudgeOptions) -> Judge:
    """Of the settings `official` (the folder), `python` (of its environment) and `models` (the folder of the
    detector's weights). Raises ValueError if they are not there."""
    given = read_settings(options, OFFICIAL, "python", "models")
    folder = Path(given[OFFICIAL]).expanduser()
    python = shutil.which(given.get("python", "python"))
    models = Path(given.get("models", folder)).expanduser()
    if not (folder / _SCRIPT).is_file():
        raise ValueError(f"--judge {OFFICIAL}={folder}: {_SCRIPT} is not there")
    if python is None:
        raise ValueError(f"--judge python={given.get('python', 'python')} is no program")
    if not models.is_dir():
        raise ValueError(f"--judge models={models} is no folder")
    return OfficialGeneval(folder, python, models)


class OfficialGeneval:
    """Has the official script judge folders of pictures, and reads its results as rows."""

    def __init__(self, folder: Path, python: str, models: Path) -> None:
        self._script, self._python, self._models = (folder / _SCRIPT).resolve(), python, models.resolve()
        weights = [[path.name, path.stat().st_size] for path in sorted(self._models.glob("*.pth"))]
        self.identity: Mapping[str, Any] = {
            "official": sha256(self._script.read_bytes()).hexdigest()[:16],
            "weights": weights,
        }

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        """Raises ValueError, with the last that the script said, if it fails."""
        with TemporaryDirectory(prefix="irg-geneval-") as name:
            folder = Path(name)
            for number, one in enumerate(shown):
                _lay_out(folder / "pictures" / f"{number:05d}", one)
            found = self._judged(folder)
        for number, one in enumerate(shown):
            yield one, [_row(picture, found.get((number, picture))) for picture in one.pictures]

    def _judged(self, folder: Path) -> dict[tuple[int, int], dict[str, Any]]:
        """The script's results by the numbers of folder and picture."""
        results = folder / _RESULTS
        command = [self._python, self._script, folder / "pictures", "--outfile", results]
        command += ["--model-path", self._models]
        done = subprocess.run(
            command, cwd=self._script.parent, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode or not results.is_file():
            said = "; ".join(done.stderr.strip().splitlines()[-_SHOWN:])
            raise ValueError(f"{self._script} ended with {done.returncode}: {said or 'it says nothing'}")
        return dict(read_results(results, folder / "pictures"))


def _lay_out(folder: Path, shown: Shown) -> None:
    """The official folder of an item, under a number of this call's own."""
    files = {file.pictures[0]: file for file in files_of(shown.item)}
    texts = texts_of([shown.item])
    contents = {path: text.encode() for path, text in texts.items()}
    contents |= {f"{files[number].path}.png": picture.data for number, picture in shown.pictures.items()}
    for path, content in contents.items():
        place = folder / Path(path).relative_to(shown.item.id)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def read_results(results: Path, pictures: Path) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    """What the script says of each picture, by the numbers of its folder and its file. Raises ValueError for
    a line that is none of its results."""
    for number, line in enumerate(read_lines(results), start=1):
        where = f"{results.name}, line {number}"
        row = parse_json(line, where)
        try:
            path = Path(row["filename"]).resolve().relative_to(pictures.resolve())
            objects = parse_json(row["details"], f"{where}: details")
            found = {"correct": bool(row["correct"]), "reason": row["reason"] or "", "details": objects}
            key = int(path.parts[0]), int(path.stem)
        except (LookupError, TypeError, ValueError, OSError) as wrong:
            raise ValueError(f"{where} is no result of a picture: {wrong!r}") from wrong
        yield key, found


def _row(picture: int, found: dict[str, Any] | None) -> EvidenceRow:
    if found is None:
        return failed_row(picture, VERDICT, "not among the official results", "")
    return EvidenceRow(picture, VERDICT, found)
