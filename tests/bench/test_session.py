import json
from dataclasses import replace
from pathlib import Path

import pytest

from irg.bench.items import Item
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Benchmark
from irg.bench.remote import judge_server
from irg.bench.runs import BenchRun
from irg.bench.session import BenchSession, look_of, looking_in
from irg.bench.sources import official_files
from irg.bench.tree import write_tree
from tests.bench.small import BLUE, COLOURS, ITEMS, RED, ColourJudge
from tests.scorers.serving import running


def session(folder: Path, benchmark: Benchmark = COLOURS, prompts: int | None = None) -> BenchSession:
    folder.mkdir(exist_ok=True)
    return BenchSession.prepared(benchmark, official_files(benchmark, folder), folder, prompts)


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """In turn 1 all is red, in turn 2 all is right but for the first item, of which nothing is there."""

    def look(item: Item, turn: int) -> dict[int, ShownPicture | str]:
        if turn == 2 and item == ITEMS[0]:
            return dict.fromkeys((0, 1), "no picture")
        return dict.fromkeys((0, 1), ShownPicture(BLUE if turn == 2 and item.prompt == "blue" else RED))

    for turn in (1, 2):
        write_tree(COLOURS.tree, ITEMS, look, turn, tmp_path / "trees" / f"turn{turn}")
    return tmp_path / "trees"


def test_trees_of_turns_are_judged_each_for_itself(trees: Path, tmp_path: Path) -> None:
    ours = session(tmp_path / "run")
    run, found = ours.begin_trees(trees, "theirs")
    assert run.turns == [1, 2] and run.about["model"] == {"name": "theirs"} and run.about["series"] == []
    result = ours.score(run, looking_in(found))
    assert json.loads(json.dumps(result)) == json.loads((tmp_path / "run" / "summary.json").read_text())
    heads = [turn["summaries"][0]["headline"] for turn in result["turns"]]
    assert [(head["value"], head["counted"], head["expected"]) for head in heads] == [
        (4 / 6, 6, 6),
        (1, 4, 6),
    ]
    assert result["turns"][1]["summaries"][0]["missing"] == {"no picture": 2} and not result["complete"]
    told = json.loads((tmp_path / "run" / "tree.json").read_text())
    missing = [f"000/samples/{number}.png" for number in (0, 1)]
    assert told == {"turn1": {}, "turn2": {"missing": missing}}
    again = look_of(BenchRun.open(tmp_path / "run"), COLOURS)(ITEMS[1], 2)[0]
    assert isinstance(again, ShownPicture) and again.data == BLUE


def test_turns_in_one_folder_are_never_pooled(trees: Path, tmp_path: Path) -> None:
    together = tmp_path / "together"
    for path in trees.rglob("*.png"):
        turn, *parts, name = path.relative_to(trees).parts
        place = together.joinpath(*parts, f"{turn}_{name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
    ours = session(tmp_path / "run")
    run, found = ours.begin_trees(together, "theirs")
    assert run.turns == [1, 2] and set(found[2].faults) == {"missing"} and not found[1].faults
    ours.score(run, looking_in(found))
    look = look_of(BenchRun.open(tmp_path / "run"), COLOURS)
    seen = [look(ITEMS[1], turn)[0] for turn in (1, 2)]
    assert [one.data for one in seen if isinstance(one, ShownPicture)] == [RED, BLUE]


def test_a_process_takes_the_place_of_any_judge(trees: Path, tmp_path: Path) -> None:
    alone = replace(COLOURS, judge=lambda options: pytest.fail("the benchmark's own judge was made"))
    with running(judge_server(COLOURS, ColourJudge(), port=0)) as address:
        ours = replace(session(tmp_path / "run", alone), judge={"scorer": address})
        run, found = ours.begin_trees(trees, "theirs")
        assert ours.score(run, looking_in(found))["judge"] == ColourJudge().identity
        with pytest.raises(ValueError, match=r"--judge model=\.\.\. beside scorer"):
            replace(ours, judge={"scorer": address, "model": "x"}).check_judge()
    with pytest.raises(ValueError, match="localhost:1: expected an address"):
        replace(ours, judge={"scorer": "localhost:1"}).check_judge()


def test_some_prompts_make_a_partial_result(trees: Path, tmp_path: Path) -> None:
    ours = session(tmp_path / "run", prompts=2)
    run, found = ours.begin_trees(trees, "theirs")
    assert len(run.items) == 2 and run.is_partial
    assert ours.score(run, looking_in(found))["partial"] == "2 of 3 prompts"


def test_another_version_is_another_run(trees: Path, tmp_path: Path) -> None:
    session(tmp_path / "run").begin_trees(trees, "theirs")
    newer = session(tmp_path / "run", replace(COLOURS, version=4))
    with pytest.raises(ValueError, match=r"holds another run \(version differ\)"):
        newer.begin_trees(trees, "theirs")
