import json
from pathlib import Path
from typing import Any

import pytest

from irg.core.trace import Trace
from irg.data.foreign.layouts import COLUMNS, LAYOUTS
from irg.data.trace_rows import row_of
from tests.data.foreign.pictured import drawn, encoded, made, row, save
from tests.data.stored import FULL
from tests.data.stored import facts as facts_of

RED, GREEN, BLUE = map(encoded, ("red", "green", "blue"))


def lines(**values: Any) -> list[str]:
    return [drawn(one) for one in made(row(**values))]


@pytest.mark.parametrize("image", COLUMNS["image"])
@pytest.mark.parametrize("text", ("text", "caption", "prompt", "description"))
def test_a_picture_with_a_text_is_a_trace_that_draws_it(image: str, text: str) -> None:
    assert lines(**{image: RED, text: " a cat "}) == ["P(a cat) I(red)"]


def test_several_texts_are_several_traces_and_each_is_there_once() -> None:
    """As BAGEL's parquet files of captions have them, and as COCO's."""
    for captions in (
        json.dumps({"long": "a red cat", "short": "cat", "again": "cat"}),
        ["a red cat", "cat"],
        {"long": "a red cat", "short": "cat"},
    ):
        assert lines(image=RED, captions=captions) == ["P(a red cat) I(red)", "P(cat) I(red)"]
    assert lines(image=RED, caption="{a cat}") == ["P({a cat}) I(red)"], "a text, though it begins like JSON"


def test_thoughts_drafts_questions_and_edits() -> None:
    assert lines(image=RED, prompt="p", thought="t") == ["P(p) T(t) I(red)"]
    assert lines(final=RED, prompt="p", thought="t", draft=BLUE, reflection="r") == [
        "P(p) T(t) I(blue) T(r) I(red)"
    ]
    assert lines(image=RED, question="which colour?", answer="red") == [
        "P() I(red) Q(which colour?) A(red) question"
    ]
    assert lines(source_img=BLUE, instruction="make it red", target_img=RED) == [
        "O(blue) P(make it red) I(red) edit"
    ]
    assert lines(input_image=BLUE, edit_prompt="make it red", edited_image=RED, text="unread") == [
        "O(blue) P(make it red) I(red) edit"
    ]


def test_bagels_editing_makes_an_edit_of_each_two_pictures_and_each_instruction() -> None:
    values = {
        "image_list": [RED, GREEN, BLUE],
        "instruction_list": [["greener", "make it green", "greener"], ["bluer"]],
    }
    assert lines(**values) == [
        "O(red) P(greener) I(green) edit",
        "O(red) P(make it green) I(green) edit",
        "O(green) P(bluer) I(blue) edit",
    ]
    assert lines(**{**values, "instruction_list": ["greener"]}) == [
        "missing column: instruction_list holds 1 instructions for 3 pictures"
    ]
    assert lines(**{**values, "image_list": [RED]}) == [
        "missing column: image_list holds 1 pictures, expected 2"
    ]


def test_a_published_trace_comes_back_from_its_files() -> None:
    stored = row_of(FULL)
    turns = [{name: value for name, value in turn.items() if name != "image"} for turn in stored["turns"]]
    pictures = {f"image{n}": turn["image"]["bytes"] for n, turn in enumerate(stored["turns"], start=1)}
    published = {**stored, **pictures, "turns": turns, "source": stored["source"]["bytes"]}
    for values in (published, stored):
        (back,) = made(row(**values))
        assert isinstance(back, Trace) and facts_of(back) == facts_of(FULL)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"image": RED, "text": "  "}, "empty text: text is empty"),
        ({"image": RED, "caption": ""}, "empty text: caption is empty"),
        ({"image": RED, "captions": "[]"}, "empty text: captions holds no text"),
        ({"image": RED, "text": 5}, "wrong type: text is 5, expected text"),
        ({"image": RED, "text": "\ud800"}, "wrong type: text is no valid Unicode: "),
        ({"image": RED, "text": "a", "license": "\ud800"}, "wrong type: license is no valid Unicode: "),
        ({"image": RED, "title": "a"}, "missing column: no text: it has image, title, expected one of"),
        ({"pixels": RED, "text": "a"}, "missing column: no image: it has pixels, text, expected one of"),
        ({}, "missing column: no image: it has nothing, expected one of"),
        ({"image": RED[:90], "text": "a"}, "broken image: image"),
        ({"image": RED, "text": "a", "draft": BLUE}, "missing column: no reflection: it has"),
        ({"image": RED, "question": "a?", "answer": " "}, "empty text: answer is empty"),
    ],
)
def test_what_a_row_lacks_is_told(values: dict[str, Any], said: str) -> None:
    (line,) = lines(**values)
    assert line.startswith(said)


def test_an_empty_caption_among_others_costs_itself_alone() -> None:
    assert lines(image=RED, captions=["a", " ", 3]) == [
        "P(a) I(red)",
        "empty text: captions[1] is empty",
        "wrong type: captions[2] is 3, expected text",
    ]


def test_columns_of_other_names_are_taken_when_named(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", "green")
    values = row(tmp_path, foto="a.jpg", titel="ein Hund", image=RED, text="a dog")
    assert list(map(drawn, made(values))) == ["P(a dog) I(red)"]
    assert list(map(drawn, made(values, {"image": "foto", "text": "titel"}))) == ["P(ein Hund) I(green)"]


def test_where_a_row_comes_from_stays_with_it() -> None:
    (one,) = made(row(image=RED, text="a", id=7, license="CC0", url="https://x.org/a", score=0.5))
    assert isinstance(one, Trace)
    assert one.provenance == {"id": 7, "licence": "CC0", "source": "https://x.org/a"}


def test_every_layout_asks_for_columns_of_its_own() -> None:
    asked = [layout.needs for layout in LAYOUTS]
    assert len(set(asked)) == len(asked) and all(asked)
