import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from irg.bench.items import Item
from irg.bench.official import official_texts
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import EvidenceRow, Shown, Status
from irg.bench.tiif.answers import PLACE, fill
from irg.bench.tiif.benchmark import SCRIPT, TIIF, WANTED, drawn, prompts_file, questions_file, tiif_items
from irg.bench.tiif.groups import TYPES
from irg.bench.tiif.summary import ANSWERS
from irg.bench.tree import content_of, write_tree
from tests.bench.cases import Cases, data_folder
from tests.bench.judging_server import options, picture, show, words
from tests.bench.tiif.sources import write_sources
from tests.endpoint.fake_server import Behaviour, FakeServer, serving

CASES = Cases("tiif_parsers.json", "prompts")
NAMES = ("first", "second", "third")
RIGHT = "yes, there is\nNo: none"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(Behaviour(answer=lambda body: RIGHT)) as running:
        yield running


@pytest.fixture
def shown(tmp_path: Path) -> list[Shown]:
    items = tiif_items(write_sources(tmp_path / "sources"))[:12]
    return [show(item, picture((number, 0, 0))) for number, item in enumerate(items)]


def heard(server: FakeServer, folder: Path, shown: list[Shown], **given: str) -> dict[str, EvidenceRow]:
    with TIIF.judge(options(server, folder, modified_templates="true", **given)) as judge:
        return {one.item.id: row for one, (row,) in judge.hear(shown)}


def test_the_official_files_make_277_prompts_of_either_length(tmp_path: Path) -> None:
    data = data_folder("tiif")
    if not data.is_dir():
        pytest.skip(f"there are no official files at {data}")
    (tmp_path / "data").symlink_to(data.resolve())
    items = tiif_items(tmp_path)
    assert len(items) == 554 and len({item.id for item in items}) == 554
    assert sum(len(item.facts["questions"]) for item in items) == 2 * 1446
    answers = [answer.strip().lower() for item in items for answer in item.facts["answers"]]
    assert answers.count("no") == 2 * 34


def test_templates_are_the_official_ones() -> None:
    named = os.environ.get("IRG_BENCH_SOURCES")
    script = Path(named or "nowhere") / "tiif" / SCRIPT
    if not script.is_file():
        pytest.skip("templates are in the official files: set IRG_BENCH_SOURCES to their folder")
    texts = official_texts(script, WANTED)
    for case in CASES["prompts"]:
        name = NAMES[case["template"]]
        assert fill(texts[name].fill({}), case["questions"]) == case["text"]


def test_the_known_hashes_are_those_of_the_official_templates() -> None:
    for case in CASES["prompts"]:
        name = NAMES[case["template"]]
        questions = "\n".join(question.strip() for question in case["questions"])
        template = case["text"].replace(questions, PLACE)
        assert hashlib.sha256(template.encode()).hexdigest() == WANTED[name].sha256


def test_all_questions_of_a_picture_are_asked_at_once_in_a_template_that_is_drawn(
    server: FakeServer, tmp_path: Path, shown: list[Shown]
) -> None:
    rows = heard(server, tmp_path, shown)
    assert all(row.evidence["answers"] == ["yes", "no"] for row in rows.values())
    asked = [words(seen.body) for seen in server.requests]
    begins = {text.split(":")[0] for text in asked}
    assert begins == {"One", "Two", "Three"} and len(asked) == len(shown)
    assert all(text.split("\n")[1:3] == [f"a {TYPES[0]}?", "b?"] for text in asked if TYPES[0] in text)
    body = server.requests[0].body
    assert body["messages"][0] == {"role": "system", "content": "You look."}
    assert body["temperature"] == 1.0
    assert all("tiif@1" in row.judge["asked"] for row in rows.values())


def test_a_run_that_is_gone_on_with_draws_the_same_and_pays_nothing_twice(
    server: FakeServer, tmp_path: Path, shown: list[Shown]
) -> None:
    first = heard(server, tmp_path, shown[:7])
    assert {name: row for name, row in heard(server, tmp_path, shown).items() if name in first} == first
    assert server.num_requests == len(shown)


def test_the_same_picture_elsewhere_is_another_draw(
    server: FakeServer, tmp_path: Path, shown: list[Shown]
) -> None:
    one = shown[0]
    later = Shown(one.item, 2, one.pictures)
    heard(server, tmp_path, [one])
    heard(server, tmp_path, [later])
    assert server.num_requests == 2
    assert len({drawn(one, one.pictures[0], 0, attempt) for attempt in range(20)}) == 3


def test_an_answer_to_too_few_questions_is_asked_for_again_with_a_new_draw(
    server: FakeServer, tmp_path: Path, shown: list[Shown]
) -> None:
    answers = iter(["yes"] * 9 + [RIGHT])
    server.behaviour = Behaviour(answer=lambda body: next(answers))
    (row,) = heard(server, tmp_path, shown[:1]).values()
    assert row.status is Status.OK and row.evidence["unread"] == ["yes"] * 9
    assert len({words(seen.body) for seen in server.requests}) == 3
    server.behaviour = Behaviour(answer=lambda body: "yes")
    (row,) = heard(server, tmp_path, shown[1:2]).values()
    assert row.status is Status.PARSE_FAILED and len(row.evidence["unread"]) == 10


def test_pictures_are_where_the_official_code_looks() -> None:
    item = Item("action+2d-long-3", "p", (0,), {"type": "action+2d", "length": "long", "line": 3})
    assert TIIF.tree.files(item)[0].path == "action+2d/irg/long_description/3"


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        (
            questions_file("text"),
            {"type": "text", "yn_question_list": ["a"], "yn_answer_list": []},
            "as many",
        ),
        (
            prompts_file("text"),
            {"type": "style", "short_description": "", "long_description": ""},
            "type text",
        ),
        (prompts_file("text"), {"type": "text", "short_description": ""}, "expected a long_description"),
        (prompts_file("text"), [], "is no object"),
    ],
)
def test_files_that_do_not_go_together_are_told(tmp_path: Path, name: str, row: object, problem: str) -> None:
    path = write_sources(tmp_path) / name
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(ValueError, match=problem):
        tiif_items(tmp_path)
    path.write_text("")
    with pytest.raises(ValueError, match="text has"):
        tiif_items(tmp_path)


def test_the_question_is_the_summary_s(server: FakeServer, tmp_path: Path, shown: list[Shown]) -> None:
    rows = heard(server, tmp_path, shown[:1])
    assert {row.question for row in rows.values()} == {ANSWERS}


def test_pictures_come_through_the_official_tree_unchanged(tmp_path: Path, shown: list[Shown]) -> None:
    items = [one.item for one in shown]
    pictures = {one.item.id: one.pictures for one in shown}
    assert (
        write_tree(TIIF.tree, items, lambda item, turn: dict(pictures[item.id]), 1, tmp_path / "tree") == {}
    )
    found = content_of(TIIF.tree, items, tmp_path / "tree")
    assert not found.faults
    for item in items:
        (one,) = found.pictures(item).values()
        assert isinstance(one, ShownPicture) and one.data == pictures[item.id][0].data
