"""A benchmark's own code as judge, in a folder and an environment of Python that the user names.

The pictures of a turn are laid out as the code expects them, its commands are run in its folder, and what
they leave is read as rows, each marked with the hash of the results that it is from.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from string import Formatter
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from irg.bench.failing import failed_row
from irg.bench.items import Item
from irg.bench.pictures import NOT_DRAWN, ShownPicture
from irg.bench.protocol import Benchmark, EvidenceRow, Judge, JudgeOptions, OfficialProgram, Shown
from irg.bench.settings import read_settings
from irg.bench.tree import write_tree
from irg.core.digest import digest_of
from irg.core.kin import ends_with_us

OFFICIAL = "official"
"""The setting that names the folder of the official code, whatever the benchmark."""
_PYTHON, _COMMAND = "python", "command"
_MODEL = "model"
"""The setting that names the model which the code asks: it stands beside every number."""
_RESULTS = "results"
_OURS = {_PYTHON, "pictures", "around", _RESULTS, "sources"}
"""What a command may name that is no setting, but for the program."""
_AND = "&&"
_VARIABLE = re.compile(r"\$\{?(\w+)")
_SHOWN = 5
"""Last lines of what a program says when it fails."""


@contextmanager
def judge_of(benchmark: Benchmark, options: JudgeOptions) -> Iterator[Judge]:
    """The judge that the settings ask for: the official code, or the benchmark's own. Raises ValueError."""
    if OFFICIAL in options.settings:
        yield ProgramJudge(benchmark, options)
    else:
        with benchmark.judge(options) as judge:
            yield judge


class ProgramJudge:
    """Has the official code judge the pictures of each turn, all that it is shown at once.

    Raises ValueError for settings that cannot be used, before anything is run.
    """

    def __init__(self, benchmark: Benchmark, options: JudgeOptions) -> None:
        if benchmark.program is None:
            raise ValueError(f"--judge {OFFICIAL}=...: of {benchmark.name} no official code is known")
        self._benchmark, self._program = benchmark, benchmark.program
        self._sources, self._keep = options.sources, options.keep
        given = options.settings
        self._folder = Path(given[OFFICIAL]).expanduser().resolve()
        if not (script := self._folder / self._program.script).is_file():
            raise ValueError(f"--judge {OFFICIAL}={given[OFFICIAL]}: {self._program.script} is not there")
        if (python := shutil.which(given.get(_PYTHON, "python"))) is None:
            raise ValueError(f"--judge {_PYTHON}={given.get(_PYTHON, 'python')} is no program")
        self._commands = _commands(self._program, given.get(_COMMAND))
        names = [name for command in self._commands for name in _names(command) if name not in _OURS]
        given = read_settings(options, OFFICIAL, _PYTHON, _COMMAND, *dict.fromkeys(names))
        settings = {**self._program.settings, **given}
        if lacking := [name for name in names if name not in settings]:
            raise ValueError(f"--judge {lacking[0]}=... is missing, which the command names")
        self._fields = {name: settings[name] for name in names} | {_PYTHON: python}
        model = f" with {settings[_MODEL]}" if _MODEL in names else ""
        self.identity: Mapping[str, Any] = {
            "name": f"{benchmark.name}'s own code{model}",
            self._program.script: sha256(script.read_bytes()).hexdigest()[:16],
            _COMMAND: list(self._commands),
            **{name: self._marked(settings[name]) for name in names},
        }

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        """Raises ValueError, with the last that the code said, if it fails or leaves what cannot be read.
        What it left is kept then, since it may have been paid for."""
        for turn in dict.fromkeys(one.turn for one in shown):
            ours = [one for one in shown if one.turn == turn]
            with TemporaryDirectory(prefix="irg-official-") as name:
                around = Path(name).resolve()
                try:
                    found, mark = self._judged(ours, around)
                except ValueError as wrong:
                    raise ValueError(f"{wrong}{self._kept(around / _RESULTS, turn)}") from wrong
            for one in ours:
                yield one, [replace(row, judge=mark) for row in _whole(one, found.get(one.item.id, ()))]

    def _judged(
        self, shown: Sequence[Shown], around: Path
    ) -> tuple[Mapping[str, Sequence[EvidenceRow]], dict[str, Any]]:
        """The rows by item, and the hash of what they are from."""
        pictures, results = around / "pictures", around / _RESULTS
        results.mkdir()
        by_item = {one.item.id: one.pictures for one in shown}

        def look(item: Item, turn: int) -> dict[int, ShownPicture | str]:
            return {number: by_item[item.id].get(number, NOT_DRAWN) for number in range(len(item.seeds))}

        write_tree(self._benchmark.tree, [one.item for one in shown], look, shown[0].turn, pictures)
        for name, text in self._program.texts(pictures, shown).items():
            (around / name).write_text(text, encoding="utf-8")
        before = set(self._left())
        places = {"pictures": pictures, "around": around, _RESULTS: results, "sources": self._sources}
        for command in self._commands:
            self._run(command, self._fields | {name: str(path.resolve()) for name, path in places.items()})
        for path in set(self._left()) - before:
            shutil.move(path, results / path.name)
        files = sorted(path for path in results.rglob("*") if path.is_file())
        hashes = [sha256(path.read_bytes()).hexdigest() for path in files]
        return self._program.read(results, shown), {"results": digest_of(hashes)[:16]}

    def _kept(self, results: Path, turn: int) -> str:
        """Where what the code left is kept; nothing if it left nothing."""
        if not any(results.iterdir()):
            return ""
        self._keep.mkdir(parents=True, exist_ok=True)
        place = mkdtemp(prefix=f"official-turn{turn}-", dir=self._keep)
        shutil.copytree(results, place, dirs_exist_ok=True)
        return f"; what it left is kept in {place}"

    def _run(self, command: str, fields: Mapping[str, str]) -> None:
        words = [os.path.expandvars(word.format(**fields)) for word in shlex.split(command)]
        done = subprocess.run(
            words,
            cwd=self._folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            preexec_fn=ends_with_us(),
        )
        if done.returncode:
            said = "; ".join(done.stderr.strip().splitlines()[-_SHOWN:])
            raise ValueError(f"{command} ended with {done.returncode}: {said or 'it says nothing'}")

    def _left(self) -> Iterator[Path]:
        if self._program.leaves is not None:
            yield from (self._folder / self._program.leaves).glob("*")

    def _marked(self, value: str) -> Any:
        """Of a folder the names and sizes of its files, which are weights."""
        if not value or not (folder := self._folder / Path(value).expanduser()).is_dir():
            return value
        return [[path.name, path.stat().st_size] for path in sorted(folder.iterdir()) if path.is_file()]


def _commands(program: OfficialProgram, given: str | None) -> tuple[str, ...]:
    """Raises ValueError for those that cannot be run: without words, or of a variable that is not set."""
    commands = program.commands if given is None else tuple(part.strip() for part in given.split(_AND))
    if not commands:
        raise ValueError(f"--judge {_COMMAND}=... is missing: it says how {program.script} is started")
    for command in commands:
        try:
            names, words = list(_names(command)), shlex.split(command)
        except ValueError as wrong:
            raise ValueError(f"--judge {_COMMAND}={command}: {wrong}") from wrong
        if not words or not all(map(str.isidentifier, names)):
            raise ValueError(f"--judge {_COMMAND}={command}: expected words, with {{names}} of settings")
        if unset := [name for name in _VARIABLE.findall(command) if name not in os.environ]:
            raise ValueError(f"{unset[0]} is not set in the environment, which the command needs: {command}")
    return commands


def _names(command: str) -> Iterator[str]:
    return (name for _, name, _, _ in Formatter().parse(command) if name is not None)


def _whole(shown: Shown, rows: Sequence[EvidenceRow]) -> list[EvidenceRow]:
    """With a row for each picture that nothing is said about."""
    told = {row.picture for row in rows}
    lacking = () if None in told else [number for number in shown.pictures if number not in told]
    reason = "not among the official results"
    return [*rows, *(failed_row(number, OFFICIAL, reason, "") for number in lacking)]
