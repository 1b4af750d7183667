"""One benchmark at work in one folder: what is asked for, drawing it, having it judged, saying the result."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irg.bench.harness import Progress
from irg.bench.items import Item, some_of
from irg.bench.pictures import Look, ShownPicture
from irg.bench.program import judge_of
from irg.bench.protocol import Benchmark, Judge, JudgeOptions
from irg.bench.remote import RemoteJudge
from irg.bench.results import result_of, summarised
from irg.bench.runs import (
    BenchRun,
    DrawingSettings,
    judge_run,
    looking,
    of_drawing,
    of_trees,
)
from irg.bench.sources import OfficialFiles
from irg.bench.tree import Content, TurnFolder, turns_in
from irg.core.files import write_atomically

SUMMARY, TREE = "summary.json", "tree.json"
_ANSWERS = "answers"
"""In which judges keep what they were told."""
_SCORER = "scorer"
"""The setting that names a process which judges instead, whatever the benchmark."""


@dataclass(frozen=True)
class BenchSession:
    """A benchmark with its official files, the items that are asked for of so many, the folder of the run,
    and what the judge is told."""

    benchmark: Benchmark
    files: OfficialFiles
    items: Sequence[Item]
    of: int
    folder: Path
    judge: Mapping[str, str]

    @classmethod
    def prepared(
        cls,
        benchmark: Benchmark,
        files: OfficialFiles,
        folder: Path,
        prompts: int | None = None,
        judge: Mapping[str, str] | None = None,
    ) -> "BenchSession":
        """With all items, or so many from all over them."""
        every = benchmark.items(files.folder)
        return cls(benchmark, files, some_of(every, prompts), len(every), folder, judge or {})

    def begin_drawing(self, drawing: DrawingSettings, model: Mapping[str, Any]) -> BenchRun:
        """Raises ValueError if the folder holds another run."""
        return self._begin(drawing.seeded(self.items), of_drawing(drawing, model))

    def begin_trees(self, pictures: Path, label: str) -> tuple[BenchRun, dict[int, Content]]:
        """A run of pictures that lie in official trees, and what these hold. All that is wrong with them is
        written to `tree.json`."""
        trees = turns_in(pictures)
        found = {turn: one.content(self.benchmark.tree, self.items) for turn, one in trees.items()}
        run = self._begin(self.items, of_trees(trees, label))
        faults = {f"turn{turn}": content.faults for turn, content in found.items()}
        write_atomically(self.folder / TREE, json.dumps(faults, indent=1, ensure_ascii=False) + "\n")
        return run, found

    def score(self, run: BenchRun, look: Look, progress: Progress | None = None) -> dict[str, Any]:
        """Have everything judged that has not been, write the result to `summary.json`, and return it."""
        with self._judge() as judge:
            store = judge_run(run, look, judge, progress)
            identity = judge.identity
        result = result_of(run, identity, summarised(self.benchmark, run, store))
        write_atomically(self.folder / SUMMARY, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        return result

    def check_judge(self) -> None:
        """Raises ValueError for a judge that cannot be had as it is asked for, before hours of drawing."""
        with self._judge():
            pass

    def _judge(self) -> AbstractContextManager[Judge]:
        if (address := self.judge.get(_SCORER)) is not None:
            if beside := [name for name in self.judge if name != _SCORER]:
                raise ValueError(
                    f"--judge {beside[0]}=... beside {_SCORER}: the process has its settings already"
                )
            return nullcontext(RemoteJudge(address, self.benchmark.name, self.benchmark.version))
        options = JudgeOptions(self.files.folder, self.folder / _ANSWERS, self.judge)
        return judge_of(self.benchmark, options)

    def _begin(self, items: Sequence[Item], facts: Mapping[str, Any]) -> BenchRun:
        sources = {"hashes": self.files.hashes, "modified": list(self.files.modified)}
        return BenchRun.begin(self.folder, self.benchmark, items, self.of, {**facts, "sources": sources})


def look_of(run: BenchRun, benchmark: Benchmark) -> Look:
    """The pictures of any run, those in trees read from where they lie."""
    if not (trees := run.about["deciding"].get("trees")):
        return looking(run.drawn())
    marks = run.about["deciding"].get("marks", {})
    folders = {turn: TurnFolder(Path(path), marks.get(turn, "")) for turn, path in trees.items()}
    return looking_in(
        {int(turn): one.content(benchmark.tree, run.items, is_read=False) for turn, one in folders.items()}
    )


def looking_in(trees: Mapping[int, Content]) -> Look:
    """The pictures in trees by their turns."""

    def look(item: Item, turn: int) -> Mapping[int, ShownPicture | str]:
        return trees[turn].pictures(item)

    return look
