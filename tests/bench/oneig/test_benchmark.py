import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from irg.bench.items import Item
from irg.bench.official import official_texts
from irg.bench.oneig.benchmark import ONEIG, SCRIPT, WANTED, OneigSettings
from irg.bench.oneig.grids import TileGrid
from irg.bench.oneig.scores import DIMENSIONS
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Hearing, Judge
from irg.bench.tree import content_of, write_tree
from tests.bench.judging_server import hearing, options, picture, show, words
from tests.bench.oneig.scorer_process import ScorerProcess, running
from tests.bench.oneig.sources import write_sources
from tests.endpoint.fake_server import Behaviour, Body, FakeServer, serving

PICTURES = [picture((number * 50, 0, 99)) for number in range(4)]


def answer(body: Body) -> str:
    return "Hello World" if words(body).startswith("Read") else "Yes"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(Behaviour(answer=answer)) as server:
        yield server


@pytest.fixture
def process() -> Iterator[ScorerProcess]:
    with running() as process:
        yield process


def heard_all(judge: Judge, items: list[Item]) -> dict[str, Hearing]:
    shown = [show(item, *PICTURES) for item in items]
    return {one.item.id: hearing(one, rows) for one, rows in judge.hear(shown)}


def test_all_five_dimensions_are_judged_and_summed_up(
    server: FakeServer, process: ScorerProcess, tmp_path: Path
) -> None:
    items = ONEIG.items(write_sources(tmp_path / "sources"))
    given = options(server, tmp_path, modified_templates="true", encoders=process.url)
    with ONEIG.judge(given) as judge:
        heard = heard_all(judge, items)
        assert judge.identity["encoders"] == [{"name": "made up", "revision": "1"}]
    assert server.num_requests == 4 * (2 + 1), "the same question about the same picture is asked once"
    found = {name: summarise(items, heard) for name, summarise in ONEIG.summaries.items()}
    assert list(found) == ["overall", *DIMENSIONS]
    assert all(one.is_complete for one in found.values())
    assert found["alignment"].headline.value == 1
    assert found["text"].headline.value == pytest.approx(1)
    heads = [found[name].headline.value for name in DIMENSIONS]
    assert found["overall"].headline.value == pytest.approx(sum(filter(None, heads)) / 5)
    assert found["overall"].headline.interval is not None
    json.dumps([row.evidence for one in heard.values() for row in one.rows])


def test_without_encoders_one_says_which_dimensions_are_judged(server: FakeServer, tmp_path: Path) -> None:
    items = ONEIG.items(write_sources(tmp_path / "sources"))
    with (
        pytest.raises(ValueError, match="nobody judges diversity, reasoning, style: name a process"),
        ONEIG.judge(options(server, tmp_path, modified_templates="true")),
    ):
        pass
    given = options(server, tmp_path, modified_templates="true", dimensions="alignment,text")
    with ONEIG.judge(given) as judge:
        heard = heard_all(judge, items)
    found = {name: summarise(items, heard) for name, summarise in ONEIG.summaries.items()}
    assert found["alignment"].is_complete and found["text"].is_complete
    assert found["reasoning"].missing == {"not judged": 4}
    assert found["overall"].headline.value is None
    assert found["overall"].missing["diversity: not judged"] == 6


def test_dimensions_that_there_are_not_are_told() -> None:
    with pytest.raises(ValueError, match="beauty: expected of alignment,text"):
        OneigSettings(dimensions="alignment,beauty")  # type: ignore[arg-type]


def test_the_official_templates_have_the_known_hashes() -> None:
    script = Path(os.environ.get("IRG_BENCH_SOURCES", "nowhere")) / ONEIG.name / SCRIPT
    if not script.is_file():
        pytest.skip("templates are in the official files: set IRG_BENCH_SOURCES to their folder")
    texts = official_texts(script, WANTED)
    assert texts["question"].places == {"question"} and not texts["reading"].places


def test_four_pictures_are_one_grid_in_the_folder_of_their_class() -> None:
    item = Item("human-007", "p", (1, 2, 3, 4), {"class": "human", "number": "007"})
    (file,) = ONEIG.tree.files(item)
    assert (file.path, file.pictures, file.grid) == ("human/irg/007", (0, 1, 2, 3), TileGrid(2, 2))


def test_pictures_come_through_the_official_tree_with_all_their_pixels(tmp_path: Path) -> None:
    items = ONEIG.items(write_sources(tmp_path / "sources"))
    there: dict[int, ShownPicture | str] = {0: PICTURES[0], 1: PICTURES[1], 2: "no picture", 3: PICTURES[3]}
    missing = write_tree(ONEIG.tree, items, lambda item, turn: there, 1, tmp_path / "tree")
    assert missing == {"no picture": len(items)}
    for path in (tmp_path / "tree").iterdir():
        (path / "irg").rename(path / "theirs")
    found = content_of(ONEIG.tree, items, tmp_path / "tree")
    assert not found.faults
    for item in items:
        pictures = found.pictures(item)
        assert pictures[2] == "no picture"
        for number in (0, 1, 3):
            one = pictures[number]
            assert isinstance(one, ShownPicture)
            assert one.open().tobytes() == PICTURES[number].open().tobytes()
