import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from irg.bench.pictures import ShownPicture
from irg.bench.program import ProgramJudge, judge_of
from irg.bench.protocol import EvidenceRow, JudgeOptions, OfficialProgram, Shown
from irg.bench.session import BenchSession, looking_in
from irg.bench.sources import official_files
from tests.bench.checkout import heard, judge, settings, write_script
from tests.bench.drawn import made_run
from tests.bench.small import BLUE, COLOURS, ITEMS, RED

SCRIPT = """
import json, pathlib, sys
from PIL import Image

pictures, out, left, note = sys.argv[1:]
found = {}
for path in sorted(pathlib.Path(pictures).rglob("*.png")):
    seen = Image.open(path).getpixel((0, 0))
    found.setdefault(str(int(path.parts[-3])), {})[path.stem] = list(seen)
pathlib.Path(out).write_text(json.dumps(found))
pathlib.Path(left).mkdir(exist_ok=True)
count = len(list(pathlib.Path(left).iterdir()))
pathlib.Path(left, f"log{count}").write_text(note)
"""


def read(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    note = next(results.glob("log*")).read_text()
    return {
        item: [
            EvidenceRow(int(number), "colour", {"seen": seen, "note": note}) for number, seen in by.items()
        ]
        for item, by in json.loads((results / "found.json").read_text()).items()
        if item != "2"
    }


PROGRAM = OfficialProgram(
    "score/run.py",
    ("{python} score/run.py {pictures} {results}/found.json logs {note}",),
    read,
    {"note": "first"},
    leaves="logs",
)
OURS = replace(COLOURS, program=PROGRAM)
SHOWN = [Shown(item, 1, {0: ShownPicture(RED), 1: ShownPicture(BLUE)}) for item in ITEMS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_script(tmp_path / "code", OURS, SCRIPT)


def test_the_code_judges_and_what_it_leaves_becomes_marked_rows(folder: Path) -> None:
    found = heard(judge(OURS, folder), SHOWN)
    assert [row.evidence["seen"] for row in found["0"]] == [[255, 0, 0], [0, 0, 255]]
    assert found["0"][0].evidence["note"] == "first" and not list((folder / "logs").iterdir())
    assert [row.fault for row in found["2"]] == ["judge error: not among the official results"] * 2
    marks = {row.judge["results"] for rows in found.values() for row in rows}
    assert len(marks) == 1 and len(marks.pop()) == 16


def test_turns_are_judged_each_for_itself(folder: Path) -> None:
    later = [replace(one, turn=2, pictures={0: ShownPicture(BLUE)}) for one in SHOWN]
    heard_of = [
        (one.turn, [row.evidence["seen"] for row in rows])
        for one, rows in judge(OURS, folder).hear([SHOWN[0], *later[:1], SHOWN[1]])
    ]
    assert heard_of == [(1, [[255, 0, 0], [0, 0, 255]])] * 2 + [(2, [[0, 0, 255]])]


def test_what_is_said_of_it_decides_on_the_identity(folder: Path) -> None:
    one = judge(OURS, folder).identity
    assert one["name"] == "colours's own code" and one["note"] == "first"
    assert judge(OURS, folder, note="second").identity["note"] == "second"
    (folder / "weights").mkdir()
    (folder / "weights" / "a.pth").write_bytes(b"1234")
    assert judge(OURS, folder, note="weights").identity["note"] == [["a.pth", 4]]
    asking = judge(OURS, folder, command="run {model}", model="gpt-4o").identity
    assert asking["name"] == "colours's own code with gpt-4o", "what stands beside its numbers"
    write_script(folder, OURS, SCRIPT + "#")
    assert judge(OURS, folder).identity["score/run.py"] != one["score/run.py"]


def test_another_command_and_its_variables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTE", "of the environment")
    command = "{python} -c 'pass' && {python} score/run.py {pictures} {results}/found.json logs $NOTE"
    ours = judge(OURS, folder, command=command)
    assert heard(ours, SHOWN)["0"][0].evidence["note"] == "of the environment"
    assert "environment" not in json.dumps(dict(ours.identity)) and len(ours.identity["command"]) == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"python": "no-such-python"}, "--judge python=no-such-python is no program"),
        ({"official": "nowhere"}, "official=nowhere: score/run.py is not there"),
        ({"model": "x"}, "this judge knows official, python, command, note"),
        ({"command": "run {weights}"}, "--judge weights=... is missing, which the command names"),
        ({"command": "run {}"}, "expected words, with {names} of settings"),
        ({"command": "run {a.b}"}, "expected words, with {names} of settings"),
        ({"command": "run {"}, "--judge command=run {: "),
        ({"command": "run 'x"}, "--judge command=run 'x: No closing quotation"),
        ({"command": "run && "}, "--judge command=: expected words"),
        ({"command": "run $NOT_SET_HERE"}, "NOT_SET_HERE is not set in the environment"),
    ],
)
def test_what_cannot_be_run_is_told_at_once(folder: Path, given: dict[str, str], expected: str) -> None:
    with pytest.raises(ValueError) as told:
        ProgramJudge(OURS, JudgeOptions(folder, folder, settings(folder) | given))
    assert expected in str(told.value)


def test_what_has_no_code_or_no_command_says_so(folder: Path) -> None:
    with pytest.raises(ValueError, match="of colours no official code is known"):
        judge(COLOURS, folder)
    with pytest.raises(ValueError, match=r"command=... is missing: it says how score/run.py is started"):
        judge(replace(OURS, program=replace(PROGRAM, commands=())), folder)


def test_code_that_fails_is_told_with_its_last_words(folder: Path) -> None:
    write_script(folder, OURS, "raise SystemExit('no CUDA device')")
    with pytest.raises(ValueError, match="ended with 1: no CUDA device"):
        heard(judge(OURS, folder), SHOWN)


def test_what_cannot_be_read_is_kept(folder: Path, tmp_path: Path) -> None:
    """It may have been paid for."""

    def refuses(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
        raise ValueError("found.json is none")

    ours = replace(OURS, program=replace(PROGRAM, read=refuses))
    keep = tmp_path / "run" / "answers"
    with pytest.raises(ValueError, match=r"^found.json is none; what it left is kept in .*official-turn1-"):
        heard(ProgramJudge(ours, JudgeOptions(folder, keep, settings(folder))), SHOWN)
    (place,) = keep.iterdir()
    assert {path.name for path in place.iterdir()} == {"found.json", "log0"}


def test_a_run_is_judged_by_the_code_all_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("irg.bench.judging._TOGETHER", 1)
    ours = replace(OURS, program=replace(PROGRAM, read=lambda results, shown: read(results, shown)))
    made_run(tmp_path / "run", "rbr", "rbb")
    (tmp_path / "again").mkdir()
    session = BenchSession.prepared(ours, official_files(ours, folder), tmp_path / "again")
    session = replace(
        session,
        judge=settings(
            folder,
            command=(
                "{python} score/run.py {pictures} {results}/found.json logs x && "
                f"{sys.executable} -c \"open('times', 'a').write('.')\""
            ),
        ),
    )
    run, trees = session.begin_trees(tmp_path / "run-trees", "theirs")
    result = session.score(run, looking_in(trees))
    assert [turn["summaries"][0]["headline"]["counted"] for turn in result["turns"]] == [4, 4]
    assert result["judge"]["name"] == "colours's own code" and not result["complete"]
    assert (folder / "times").read_text() == ".."


def test_without_it_the_benchmarks_own_judge_is_asked(folder: Path) -> None:
    with judge_of(OURS, JudgeOptions(folder, folder)) as found:
        assert found.identity == {"name": "colours", "revision": 1}
