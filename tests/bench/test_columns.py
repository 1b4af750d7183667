import json
from dataclasses import replace
from pathlib import Path

import pytest

from irg.bench.columns import judged_in, sections_of
from irg.bench.episodes import DrawnEpisode, PictureCost
from irg.bench.runs import ABOUT, BenchRun, DrawingMode, judge_run
from irg.bench.session import look_of
from tests.bench.drawn import made_run
from tests.bench.small import COLOURS, ColourJudge

pytestmark = pytest.mark.usefixtures("known_colours")


def test_the_turns_of_a_run_are_columns_side_by_side(tmp_path: Path) -> None:
    (section,) = sections_of([made_run(tmp_path / "one", "rrr", "rbr")])
    assert [column.title for column in section.columns] == ["theirs, turn 1", "theirs, turn 2"]
    assert [column.summaries[0].headline.value for column in section.columns] == [4 / 6, 1.0]
    assert section.variants == ["colours"] and section.judge == ColourJudge().identity


def test_runs_of_one_judge_and_prompts_are_set_beside_one_another_and_others_apart(tmp_path: Path) -> None:
    one, two = (made_run(tmp_path / name, "rbr") for name in ("one", "two"))
    (section,) = sections_of([one, two])
    assert [column.title for column in section.columns] == ["one: theirs, turn 1", "two: theirs, turn 1"]
    run = BenchRun.open(two)
    judge_run(run, look_of(run, COLOURS), ColourJudge(identity={"name": "colours", "revision": 2}))
    assert [len(section.columns) for section in sections_of([one, two])] == [2, 1]
    lines = (two / "items.jsonl").read_text()
    (two / "items.jsonl").write_text(lines.replace("red", "blue", 1))
    assert [len(section.columns) for section in sections_of([one, two])] == [1, 1, 1]


def test_a_name_that_the_turn_has_too_is_said_once(tmp_path: Path) -> None:
    (section,) = sections_of([made_run(tmp_path / name, "rbr") for name in ("one", "theirs, turn 1")])
    assert [column.title for column in section.columns] == ["one: theirs, turn 1", "theirs, turn 1"]


def test_what_a_score_leaves_out_is_known(tmp_path: Path) -> None:
    (section,) = sections_of([made_run(tmp_path / "one", "rbr")])
    assert section.left_out(0) == []
    (judged,) = section.judged
    (summary,) = judged.summaries[1]
    plain = replace(judged, summaries={1: [replace(summary, weights={"plain": 1.0})]})
    (column,) = section.columns
    assert replace(section, columns=[replace(column, judged=plain)]).left_out(0) == ["odd"]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "one", "rbr")
    about = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text(json.dumps(about | {"version": 2}))
    with pytest.raises(ValueError, match="is of version 2 of colours, which now is 3"):
        sections_of([folder])
    (folder / ABOUT).write_text(json.dumps(about))
    for path in folder.glob("evidence-*"):
        path.unlink()
    with pytest.raises(ValueError, match="nothing of it was judged"):
        sections_of([folder])


def test_a_column_knows_what_its_pictures_took(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "one", "rbr", "rbr")
    about = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text(json.dumps(about | {"series": ["turns"], "mode": str(DrawingMode.IRG)}))
    run = BenchRun.open(folder)
    costs = {1: PictureCost(1.0, 10, 5), 2: PictureCost(2.0, 20, 7)}
    run.drawn()["turns"].add([DrawnEpisode("0", n, {}, {}, costs) for n in (0, 1)], {})
    (judged,) = judged_in(run)
    assert judged.costs == {1: PictureCost(1.0, 10, 5), 2: PictureCost(3.0, 30, 12)}
    (section,) = sections_of([folder])
    assert [column.title for column in section.columns] == ["IRG turn 1", "IRG turn 2"]
