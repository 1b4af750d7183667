"""A run: a folder with what was drawn of a benchmark's items, what was found out about it, and what it is.

A run need not have drawn anything itself: its pictures may lie in official trees that somebody else made.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from irg import __version__
from irg.bench.about import RunAbout, differing
from irg.bench.episodes import DrawnEpisode, EpisodeBatch, in_batches
from irg.bench.harness import Progress, draw_missing
from irg.bench.items import Item, fingerprint
from irg.bench.judging import LIGHT, hear_missing
from irg.bench.known import benchmark as known
from irg.bench.pictures import NOT_DRAWN, Look, ShownPicture
from irg.bench.program import ProgramJudge
from irg.bench.protocol import BASE_TURN, Benchmark, Hearing, Judge
from irg.bench.ranks import Ranks
from irg.bench.store import SeriesStore, all_kept, header_of
from irg.bench.tree import TurnFolder
from irg.core.digest import digest_of
from irg.core.files import read_json, write_atomically
from irg.core.settings import checked, faults_of
from irg.stages.cluster import Cluster

if TYPE_CHECKING:
    from irg.pipeline import Pipeline, Plan, Settings
    from irg.pipeline.plans import StepPlan

KIND = "benchmark run"
"""What the folder's marker says."""
ABOUT, ITEMS = "run.json", "items.jsonl"
_EVIDENCE = "evidence-"
_DECIDING = ("fingerprint", "dtype", "weights")
"""What of a model's identity decides on pictures: its name and device may be others."""
_SEED_STRIDE = 1_000_003
"""Between the seeds of a picture in runs of different seeds."""
_items = TypeAdapter(Item)


class DrawingMode(StrEnum):
    """What is drawn: at once; one turn with a thought; turns that reflect; or the first and the last."""

    BASE = "base"
    COT = "cot"
    IRG = "irg"
    ALL = "all"


AnySeries = Mapping[str, "tuple[int, Plan | StepPlan]"]
"""By the names of series what they are drawn by, with the number of the first turn."""


def series_of(plan: "StepPlan") -> AnySeries:
    """The only series of a plan of steps. Raises ValueError for one that needs pictures to be given."""
    if plan.reads_input and plan.inputs == "needed":
        raise ValueError("the plan reads a picture (input), but a benchmark gives prompts alone")
    if not plan.num_images:
        raise ValueError("the plan draws no pictures")
    return {"steps": (BASE_TURN + 1, plan)}


def plans_of(settings: "Settings", mode: DrawingMode, turns: int) -> "dict[str, tuple[int, Plan]]":
    """By the names of their series the plans of a mode, each with the number of its first turn."""
    if mode in (DrawingMode.BASE, DrawingMode.COT) and turns > 1:
        raise ValueError(f"mode {mode} with {turns} turns: expected 1, or mode irg or all")
    direct = {"direct": (BASE_TURN, settings.plan(turns=1, think=False))}
    after = {"turns": (BASE_TURN + 1, settings.plan(turns=turns, think=True))}
    return direct if mode is DrawingMode.BASE else after if mode is not DrawingMode.ALL else direct | after


@dataclass(frozen=True)
class DrawingSettings:
    """How pictures are drawn: by which weights and plans, with which seed added to those of the items."""

    mode: DrawingMode
    plans: AnySeries
    model: Mapping[str, Any]
    system_prompt: str
    seed: int = 0

    @property
    def turns(self) -> list[int]:
        return sorted(first + n for first, plan in self.plans.values() for n in range(plan.num_images))

    @property
    def deciding(self) -> dict[str, Any]:
        """All that decides on a picture beside its item, as JSON."""
        return {
            "mode": str(self.mode),
            "model": {name: self.model[name] for name in _DECIDING if name in self.model},
            "system_prompt": self.system_prompt,
            "plans": {name: plan.as_json() for name, (_, plan) in self.plans.items()},
            "seed": self.seed,
        }

    def seeded(self, items: Sequence[Item]) -> list[Item]:
        """The items with the seeds of this run."""
        added = self.seed * _SEED_STRIDE
        return [replace(item, seeds=tuple(seed + added for seed in item.seeds)) for item in items]


@dataclass(frozen=True)
class BenchRun:
    """A run's folder and what it says of itself."""

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def begin(
        cls, folder: Path, benchmark: Benchmark, items: Sequence[Item], of: int, facts: Mapping[str, Any]
    ) -> "BenchRun":
        """Say what the run is; `facts` are `of_drawing` or `of_trees`, `of` how many items there are in all.

        Raises ValueError if the folder holds another run.
        """
        about = {
            "benchmark": benchmark.name,
            "version": benchmark.version,
            "items": {"count": len(items), "of": of, "fingerprint": fingerprint(items)},
            "irg": __version__,
            "sources": {"hashes": {}, "modified": []},
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            **json.loads(json.dumps(facts)),
        }
        if (folder / ABOUT).exists():
            before = read_json(folder / ABOUT)
            names = ("benchmark", "version", "sources", "deciding")
            if changed := differing(before, about, names):
                raise ValueError(
                    f"{folder} holds another run ({', '.join(changed)} differ): choose another folder"
                )
        lines = "".join(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in items)
        write_atomically(folder / ITEMS, lines)
        write_atomically(folder / ABOUT, json.dumps(about, indent=1, ensure_ascii=False) + "\n")
        return cls(folder, about)

    @classmethod
    def open(cls, folder: Path) -> "BenchRun":
        """Raises ValueError for a folder that holds none."""
        if not (folder / ABOUT).is_file():
            raise ValueError(f"{folder} holds no benchmark run: {ABOUT} is missing")
        about = read_json(folder / ABOUT)
        checked(RunAbout, about, str(folder / ABOUT))
        return cls(folder, about)

    @cached_property
    def benchmark(self) -> Benchmark:
        """Raises ValueError for a run of another version, whose evidence has another meaning."""
        now, version = known(self.about["benchmark"]), self.about["version"]
        if version != now.version:
            raise ValueError(
                f"{self.folder} is of version {version} of {now.name}, which now is {now.version}: their "
                "scores do not compare; begin again in another folder"
            )
        return now

    @cached_property
    def items(self) -> list[Item]:
        path, found = self.folder / ITEMS, []
        with all_kept(), path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    found.append(_items.validate_json(line))
                except ValidationError as wrong:
                    raise ValueError(f"{path}, line {number}: no item: {faults_of(wrong)}") from wrong
        return found

    @property
    def turns(self) -> list[int]:
        return list(self.about["turns"])

    @property
    def is_partial(self) -> bool:
        """Only some of the benchmark's items were asked for."""
        return self.about["items"]["count"] < self.about["items"]["of"]

    def drawn(self, process: int = 0) -> dict[str, SeriesStore[DrawnEpisode]]:
        """What was drawn, by series; none of a run whose pictures lie elsewhere."""
        names = self.about["series"]
        header = {name: self.about[name] for name in ("benchmark", "version", "deciding")}
        return {name: SeriesStore(self.folder, name, header, DrawnEpisode, process) for name in names}

    def evidence(self, judge: Mapping[str, Any]) -> SeriesStore[Hearing]:
        """What a judge of this identity has found."""
        header = {name: self.about[name] for name in ("benchmark", "version")} | {"judge": dict(judge)}
        name = f"{_EVIDENCE}{digest_of(header)[:8]}"
        return SeriesStore(self.folder, name, header, Hearing, light=LIGHT)

    @property
    def judges(self) -> list[dict[str, Any]]:
        """The identities of all judges that have found something, in the order in which they last did."""
        paths = sorted(self.folder.glob(f"{_EVIDENCE}*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        heads = []
        for path in paths:
            with open(path, "rb") as file:
                head = file.readline()
            if head.endswith(b"\n"):  # else it was killed before it kept anything
                heads.append(_judge_of(path, head))
        return heads


def of_drawing(drawing: DrawingSettings, model: Mapping[str, Any]) -> dict[str, Any]:
    """What a run says of itself that draws."""
    return {
        "mode": str(drawing.mode),
        "turns": drawing.turns,
        "series": list(drawing.plans),
        "deciding": drawing.deciding,
        "model": dict(model),
    }


def of_trees(trees: Mapping[int, TurnFolder], label: str) -> dict[str, Any]:
    """What a run says of itself whose pictures lie in official trees, one for each turn."""
    places = {str(turn): str(one.path.resolve()) for turn, one in trees.items()}
    marks = {str(turn): one.mark for turn, one in trees.items() if one.mark}
    return {
        "mode": None,
        "turns": sorted(trees),
        "series": [],
        "deciding": {"trees": places} | ({"marks": marks} if marks else {}),
        "model": {"name": label},
    }


def draw(
    run: BenchRun,
    drawing: DrawingSettings,
    load: "Callable[[], Pipeline]",
    crew: "Crew",
    progress: Progress | None = None,
) -> None:
    """Draw all pictures of the run's items that it does not hold yet, as far as they fall to this process."""
    stores = run.drawn(crew.ranks.rank)
    batches = [
        EpisodeBatch(name, load, plan, pictures, first)
        for name, (first, plan) in drawing.plans.items()
        for pictures in in_batches(run.items, crew.batch)
    ]
    draw_missing(crew.ranks.share(batches), stores, crew.workers, progress, crew.cluster)


@dataclass(frozen=True)
class Crew:
    """Who draws: so many pictures in step, in so many processes, on a cluster, as one of torchrun's."""

    batch: int = 32
    workers: int = 1
    cluster: Cluster | None = None
    ranks: Ranks = field(default_factory=Ranks)


def looking(drawn: Mapping[str, SeriesStore[DrawnEpisode]]) -> Look:
    """The pictures that a run has drawn."""

    def look(item: Item, turn: int) -> dict[int, ShownPicture | str]:
        return {number: _drawn_picture(drawn, (item.id, number), turn) for number in range(len(item.seeds))}

    return look


def _drawn_picture(
    drawn: Mapping[str, SeriesStore[DrawnEpisode]], key: tuple[str, int], turn: int
) -> ShownPicture | str:
    for store in drawn.values():
        if key in store.records and turn in store.records[key].images:
            path = store.path_of(store.records[key].images[turn])
            return ShownPicture(path.read_bytes(), path) if path.is_file() else NOT_DRAWN
    return NOT_DRAWN


def judge_run(
    run: BenchRun, look: Look, judge: Judge, progress: Progress | None = None
) -> SeriesStore[Hearing]:
    """Have all pictures of the run judged that have not been; by official code all of a turn at once."""
    store = run.evidence(judge.identity)
    asked = [(item, turn) for turn in run.turns for item in run.items]
    hear_missing(asked, look, judge, store, progress, by_turn=isinstance(judge, ProgramJudge))
    return store


def _judge_of(path: Path, head: bytes) -> dict[str, Any]:
    """The identity of the judge whose evidence begins with this line."""
    judge = header_of(path, head).get("judge")
    if not isinstance(judge, dict):
        raise ValueError(f"{path}, line 1 names no judge")
    return judge
