"""How long 100,000 stored rows take to be summarised, and how much memory, for every protocol.

    .venv-dev/bin/python -m tests.bench.many_rows [ROWS] [BENCHMARK ...]

Rows are made up, and as heavy as real ones: GenEval's have 30 objects, ten of them with colours, WISE's whole
answers. Each benchmark is summarised by a process of its own, whose CPU seconds and peak memory count all
that it did, imports included. It ends with 1 where one takes more than 10 s or 500 MB.
"""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from irg.bench.geneval2.prompts import question_of
from irg.bench.items import Item
from irg.bench.known import benchmark
from irg.bench.oneig.items import questions_of
from irg.bench.oneig.judge import ALIGNMENT
from irg.bench.protocol import EvidenceRow, Hearing
from irg.bench.runs import BenchRun, of_trees
from irg.bench.tree import TurnFolder
from irg.bench.wise.benchmark import OF_2025, OF_2026
from tests.bench.genai import samples as genai
from tests.bench.geneval import samples as geneval
from tests.bench.geneval2 import samples as geneval2
from tests.bench.oneig import sources as oneig
from tests.bench.tiif import sources as tiif
from tests.bench.wise import sources as wise

JUDGE = {"name": "made up"}
MOST_SECONDS, MOST_MEGABYTES = 10.0, 500.0
_SUMMARISE = """
import json, re, resource, sys
from pathlib import Path
from irg.bench.results import result_of, summarised
from irg.bench.runs import BenchRun

run = BenchRun.open(Path(sys.argv[1]))
(judge,) = run.judges
result = result_of(run, judge, summarised(run.benchmark, run, run.evidence(judge)))
assert result["complete"], "every row that was made counts"
used = resource.getrusage(resource.RUSAGE_SELF)
# Not `ru_maxrss`, which is at least that of the process that began this one.
(peak,) = re.findall(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps({"seconds": used.ru_utime + used.ru_stime, "megabytes": int(peak) / 1024}))
"""
_ANSWER = "It is good, as far as one can see. " * 40
_chance = random.Random(0)
Evidence = Callable[[Item, int | None], Mapping[str, Mapping[str, Any]]]
"""Of a picture (None: of all of an item's together) by question what was found."""


def _objects(item: Item, picture: int | None) -> dict[str, Mapping[str, Any]]:
    def one(number: int) -> dict[str, Any]:
        found = {"class": _chance.randrange(80), "box": [float(_chance.randrange(512)) for _ in range(4)]}
        found["score"] = _chance.random() ** 3  # a third of them are sure enough to count
        colours = {"colour": "red", "colours": [round(_chance.uniform(0, 30), 4) for _ in range(10)]}
        return found | (colours if number < 10 else {})

    objects = [one(number) for number in range(30)]
    for found in objects:
        found.setdefault("colour", "red")  # whatever is asked for, it can be told
    return {} if picture is None else {"objects": {"objects": objects}}


def _wise(item: Item, picture: int | None) -> dict[str, Mapping[str, Any]]:
    scores = dict.fromkeys(("consistency", "realism", "aesthetic_quality"), float(_chance.randrange(3)))
    answer = f"{_ANSWER}\nConsistency: 2\nRealism: 1\nAesthetic Quality: 1"
    return {} if picture is None else {"scores": {"score": 1.0, **scores, "answer": answer}}


def _tiif(item: Item, picture: int | None) -> dict[str, Mapping[str, Any]]:
    answers = [_chance.choice(("yes", "no")) for _ in item.facts["questions"]]
    return {} if picture is None else {"answers": {"answers": answers, "answer": _ANSWER}}


def _geneval2(item: Item, picture: int | None) -> dict[str, Mapping[str, Any]]:
    if picture is None:
        return {}
    found = {"soft": _chance.random(), "word": "Yes"}
    return {question_of(item, index): found for index, _ in enumerate(item.facts["questions"])}


def _oneig(item: Item, picture: int | None) -> dict[str, Mapping[str, Any]]:
    if picture is None:
        pairs = combinations(range(len(item.seeds)), 2)
        return {"diversity": {"distances": [[one, two, _chance.random()] for one, two in pairs]}}
    asked, found = questions_of(item), {}
    if asked is not None:
        found = {f"{ALIGNMENT}{number}": {"answer": _chance.choice(("Yes", "No"))} for number in asked.texts}
    if "text" in item.facts:
        found["text"] = {"answer": "Hello, World!"}
    if "style" in item.facts:
        found["style"] = {"csd": [_chance.random()] * 3, "se": [_chance.random()] * 3}
    return found | ({"reasoning": {"similarity": _chance.random()}} if "answer" in item.facts else {})


def _genai(item: Item, picture: int | None) -> dict[str, Mapping[str, Any]]:
    return {} if picture is None else {"likelihoods": {"logs": [-_chance.random(), -_chance.random()]}}


MADE: dict[str, tuple[Callable[[Path], Sequence[Item]], Evidence]] = {
    "geneval": (geneval.items, _objects),
    "geneval2": (geneval2.items, _geneval2),
    "genai-bench": (genai.items, _genai),
    "tiif": (lambda folder: benchmark("tiif").items(tiif.write_sources(folder)), _tiif),
    "wise": (lambda folder: OF_2025.items(wise.write_sources(folder, OF_2025)), _wise),
    "wise-verified": (lambda folder: OF_2026.items(wise.write_sources(folder, OF_2026)), _wise),
    "oneig-en": (lambda folder: benchmark("oneig-en").items(oneig.write_sources(folder)), _oneig),
}


def made(name: str, folder: Path, rows: int) -> int:
    """A run of made-up rows, of at least so many; how many there are. Prompts come again under other ids."""
    items_of, evidence = MADE[name]
    source = folder / "sources"
    source.mkdir()
    items, hearings, count = [], [], 0
    for number, item in enumerate(cycle(items_of(source))):
        if count >= rows:
            break
        items.append(replace(item, id=f"{number:06d}"))
        found = list(_rows(items[-1], evidence))
        count += len(found)
        shown = {at: f"{number:060x}{at:04x}" for at in range(len(item.seeds))}
        hearings.append(Hearing(items[-1].id, 1, shown, {}, tuple(found)))
    (folder / "run").mkdir()
    facts = {**of_trees({1: TurnFolder(folder)}, "made up"), "sources": {"hashes": {}, "modified": []}}
    run = BenchRun.begin(folder / "run", benchmark(name), items, len(items), facts)
    some = iter(hearings)
    store = run.evidence(JUDGE)
    while part := list(islice(some, 1000)):
        store.add(part, {})
    return count


def _rows(item: Item, evidence: Evidence) -> Iterator[EvidenceRow]:
    for picture in (*range(len(item.seeds)), None):
        for question, found in evidence(item, picture).items():
            yield EvidenceRow(picture, question, dict(found))


def summarise(folder: Path) -> dict[str, float]:
    """What it takes a process that does nothing else."""
    done = subprocess.run([sys.executable, "-c", _SUMMARISE, folder], check=True, capture_output=True)
    return json.loads(done.stdout)


def main(rows: int, names: Sequence[str]) -> int:
    code = 0
    print(f"{'benchmark':16}{'rows':>9}{'MB stored':>11}{'CPU s':>8}{'peak MB':>9}")
    for name in names:
        with TemporaryDirectory() as where:
            folder = Path(where)
            count = made(name, folder, rows)
            stored = sum(path.stat().st_size for path in (folder / "run").glob("evidence-*")) / 2**20
            took = summarise(folder / "run")
        row = f"{name:16}{count:9,}{stored:11,.0f}{took['seconds']:8.1f}{took['megabytes']:9,.0f}"
        print(row, flush=True)
        code |= took["seconds"] > MOST_SECONDS or took["megabytes"] > MOST_MEGABYTES
    return int(code)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [rows, *names] if rows.isdecimal():
            sys.exit(main(int(rows), names or list(MADE)))
        case names:
            sys.exit(main(100_000, names or list(MADE)))
