import base64
import io
import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from irg.core import Document, Kind, Role, Segment, pieces
from irg.core.trace import png
from irg.data.conversation import ConversationSource
from irg.data.formats import Format
from irg.data.source import Fault, RowError
from irg.prep import SizeOnly
from tests.data.broken import conversation, image_item, picture, write_broken

RNG = np.random.default_rng(0)
IMAGES = [png(picture(RNG)) for _ in range(3)]


def source(path: Path, *rows: Any, system_prompt: str | None = None, **columns: list) -> ConversationSource:
    """A file whose rows hold the given conversations, as JSON unless they are strings."""
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    parquet.write_table(pyarrow.table({"conversation": texts, **columns}), path / "rows.parquet")
    return ConversationSource(path / "rows.parquet", system_prompt)


def user(text: Any) -> dict:
    return {"role": "user", "content": text}


def assistant(*items: dict) -> dict:
    return {"role": "assistant", "content": list(items)}


def text(content: Any, **flags: Any) -> dict:
    return {"type": "text", "content": content, **flags}


def image(number: int, *needs: str, **flags: Any) -> dict:
    return image_item(IMAGES[number], *needs) | flags


def drawn(document: Document) -> str:
    """Such as `P1 T1* I1cv T2* I2n`: roles or images with their turns and forms, and stars."""
    return " ".join(map(_drawn, pieces(document)))


def _drawn(piece: tuple[Segment, ...]) -> str:
    first = piece[0]
    if first.kind.is_image:
        letters = {Kind.NOISY: "n", Kind.CLEAN: "c", Kind.VIEW: "v"}
        return f"I{first.turn}" + "".join(letters[one.kind] for one in piece)
    letter = {Role.SYSTEM: "S", Role.PROMPT: "P", Role.THOUGHT: "T", Role.QUESTION: "Q"}[first.role]
    return f"{letter}{first.turn}" + "*" * first.loss


SEEN = ("vae", "vit")
UNLEARNED = {"need_loss": False}


@pytest.mark.parametrize(
    ("row", "expected", "mode"),
    [
        ([user("p"), assistant(image(0, "loss"))], "P1 I1n", "direct"),
        ([assistant(image(0, "vit"), text("q", **UNLEARNED), text("a"))], "I1v Q1 T1*", "question"),
        ([assistant(image(0, *SEEN)), user("p"), assistant(image(1, "loss"))], "I1cv P2 I2n", "edit"),
        (
            [user("p"), assistant(image(0, *SEEN), text("q", **UNLEARNED), text("t"))],
            "P1 I1cv Q1 T1*",
            "initial_understanding",
        ),
        ([user("p"), assistant(text("t"))], "P1 T1*", "initial_thinking"),
        ([user("p"), assistant(text("t"), image(0, "loss"))], "P1 T1* I1n", "initial_full"),
        (
            [user("p"), assistant(image(0, *SEEN), image(1, *SEEN), text("q", **UNLEARNED), text("t"))],
            "P1 I1cv I2cv Q1 T2*",
            "improving_understanding",
        ),
        (
            [user("p"), assistant(text("t", **UNLEARNED), image(0, *SEEN), text("t"))],
            "P1 T1 I1cv T2*",
            "improving_thinking",
        ),
        (conversation(0, RNG), "P1 T1 I1cv T2* I2n", "improving_full"),
        (
            [{"role": "system", "content": "s"}, *conversation(0, RNG)],
            "S0 P1 T1 I1cv T2* I2n",
            "improving_full",
        ),
        (  # everything learned in one pass: the first image is a target and then looked at
            [user("p"), assistant(text("t"), image(0, "loss", *SEEN), text("t"), image(1, "loss"))],
            "P1 T1* I1ncv T2* I2n",
            "conversation",
        ),
        (  # the same, with the image written out twice
            [user("p"), assistant(image(0, "loss"), image(0, *SEEN), text("t"), image(1, "loss"))],
            "P1 I1n I1cv T2* I2n",
            "conversation",
        ),
        (  # two pictures that happen to be equal are two
            [user("p"), assistant(image(0, *SEEN), image(0, *SEEN), text("q", **UNLEARNED), text("t"))],
            "P1 I1cv I2cv Q1 T2*",
            "improving_understanding",
        ),
        (
            [user("p"), assistant(image(0, "loss")), user("p"), assistant(text("t"), image(1, "loss"))],
            "P1 I1n P2 T2* I2n",
            "conversation",
        ),
        ([assistant(image(0, "vit")), user("q"), assistant(text("a"))], "I1v P2 T2*", "question"),
        ([user("p"), assistant(image(0, *SEEN), image(1, "loss"))], "P2 I1cv I2n", "edit"),
        ([user("p"), assistant(text("t", need_loss=1), image(0, "loss"))], "P1 T1* I1n", "initial_full"),
        ([user("p"), assistant(text("t"), image(0, need_vit=0, need_loss=1))], "P1 T1* I1n", "initial_full"),
        ([user("p"), assistant(text(""), image(0, "loss"))], "P1 T1* I1n", "initial_full"),
        ([user("p") | {"need_loss": True}, assistant(text("t"))], "P1* T1*", "conversation"),
        ([{"role": "system", "content": "s", "need_loss": True}, user("p")], "S0* P1", "conversation"),
    ],
)
def test_a_row_is_read_as_a_document(tmp_path: Path, row: list, expected: str, mode: str) -> None:
    rows = source(tmp_path, row)
    document = rows.read(0)
    assert (drawn(document), document.mode) == (expected, mode)
    sketch = next(rows.survey())
    assert isinstance(sketch, Document)
    assert (drawn(sketch), sketch.mode) == (expected, mode)


def test_texts_and_pixels_are_those_of_the_row(tmp_path: Path) -> None:
    rows = source(tmp_path, [user("a \u201c\U0001f600\u201d"), assistant(text("t\n"), image(1, "loss"))])
    prompt, thought, target = rows.read(0)
    assert prompt.text == "a \u201c\U0001f600\u201d"
    assert thought.text == "t\n"
    with Image.open(io.BytesIO(IMAGES[1])) as expected:
        assert target.picture.tobytes() == expected.tobytes()
    sketch = next(rows.survey())
    assert isinstance(sketch, Document)
    assert isinstance(sketch.segments[2].data, SizeOnly) and sketch.segments[2].picture.size == (32, 32)


def test_what_the_reference_reads_is_read(tmp_path: Path) -> None:
    """Conversations as bytes, and base64 in lines."""
    row = [user("p"), assistant(text("t"), image(1, "loss"))]
    target = row[1]["content"][1]
    target["content"] = "\n".join(textwrap.wrap(target["content"], 76))
    table = pyarrow.table({"conversation": [json.dumps(row).encode()]})
    assert table.schema.field("conversation").type == pyarrow.binary()
    parquet.write_table(table, tmp_path / "rows.parquet")
    document = ConversationSource(tmp_path / "rows.parquet").read(0)
    with Image.open(io.BytesIO(IMAGES[1])) as expected:
        assert document.segments[-1].picture.tobytes() == expected.tobytes()


def test_a_system_prompt_is_put_where_a_learning_mode_begins_with_one(tmp_path: Path) -> None:
    own = [{"role": "system", "content": "own"}, user("p"), assistant(text("t"))]
    thinking = [user("p"), assistant(text("t"))]
    direct = [user("p"), assistant(image(0, "loss"))]
    rows = source(tmp_path, own, thinking, direct, system_prompt="given")
    first, second, third = (rows.read(index) for index in range(3))
    assert [drawn(one) for one in (first, second, third)] == ["S0 P1 T1*", "S0 P1 T1*", "P1 I1n"]
    assert first.segments[0].text == "own"
    assert second.segments[0].text == "given"
    assert rows.fingerprint != ConversationSource(rows.path).fingerprint
    with pytest.raises(ValueError, match="system prompt is empty"):
        ConversationSource(rows.path, " ")


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ("[", Fault.BAD_JSON, "conversation is no JSON: Expecting value: line 1 column 2 (char 1)"),
        ("[" * 100_000, Fault.BAD_JSON, "conversation is no JSON: "),
        ({}, Fault.WRONG_TYPE, "conversation is {}, expected a list of messages"),
        ([], Fault.NO_TARGET, "no text and no image has loss"),
        ([user("p")], Fault.NO_TARGET, "no text and no image has loss"),
        (
            [user("p"), assistant(text("t", need_loss=False))],
            Fault.NO_TARGET,
            "no text and no image has loss",
        ),
        (["hello"], Fault.WRONG_TYPE, "conversation[0] is 'hello', expected a message"),
        ([{"content": "p"}], Fault.UNKNOWN_ROLE, "conversation[0].role is None, expected 'system', "),
        (
            [{"role": ["user"]}],
            Fault.UNKNOWN_ROLE,
            "conversation[0].role is ['user'], expected 'system', ",
        ),
        ([{"role": "user"}], Fault.MISSING_COLUMN, "conversation[0].content is missing"),
        ([user(None)], Fault.MISSING_COLUMN, "conversation[0].content is null"),
        ([user(["p"])], Fault.WRONG_TYPE, "conversation[0].content is ['p'], expected text"),
        ([user("\ud800")], Fault.WRONG_TYPE, "conversation[0].content is no valid Unicode: "),
        ([assistant(text(" \n"))], Fault.EMPTY_TEXT, "conversation[0].content[0].content is empty"),
        (
            [{"role": "assistant", "content": "t"}],
            Fault.WRONG_TYPE,
            "conversation[0].content is 't', ",
        ),
        ([assistant({"type": "video"})], Fault.WRONG_TYPE, "conversation[0].content[0].type is 'video', "),
        (
            [assistant(text("t", need_loss="no"))],
            Fault.WRONG_TYPE,
            "conversation[0].content[0].need_loss is 'no'",
        ),
        ([assistant(text("t", need_loss=float("nan")))], Fault.NOT_A_NUMBER, "conversation holds NaN"),
        (
            '[{"role": "user", "content": 1e999}]',
            Fault.NOT_A_NUMBER,
            "conversation holds 1e999",
        ),
        ([assistant(image(0))], Fault.UNUSED_IMAGE, "conversation[0].content[0] has none of need_loss, "),
        (
            [assistant({"type": "image", "content": "%%%", "need_loss": True})],
            Fault.BROKEN_IMAGE,
            "conversation[0].content[0].content is not base64: ",
        ),
        (
            [assistant({"type": "image", "content": "", "need_loss": True})],
            Fault.EMPTY_IMAGE,
            "conversation[0].content[0].content has no bytes",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, row: Any, reason: Fault, detail: str) -> None:
    rows = source(tmp_path, row)
    with pytest.raises(RowError) as failure:
        rows.read(0)
    assert failure.value.reason is reason and failure.value.detail.startswith(detail)
    assert (failure.value.file, failure.value.row) == (str(tmp_path / "rows.parquet"), 0)
    surveyed = next(rows.survey())
    assert isinstance(surveyed, RowError) and str(surveyed) == str(failure.value)


def test_every_way_of_being_broken_is_found_and_named(tmp_path: Path) -> None:
    expected = write_broken(tmp_path / "data", 200, RNG, Format.CONVERSATION)
    del expected[Fault.TOO_LONG]  # nothing is wrong with these but for a model
    rows = ConversationSource(tmp_path / "data")
    found: dict[Fault, list[int]] = {}
    for index in range(len(rows)):
        try:
            rows.read(index)
        except RowError as error:
            found.setdefault(error.reason, []).append(index)
            assert (error.file, error.row) == rows.place(index)
    assert found == expected and len(found) == 9
    surveyed = {index for index, row in enumerate(rows.survey()) if isinstance(row, RowError)}
    assert surveyed == {index for these in expected.values() for index in these} - {
        *found[Fault.BROKEN_IMAGE]
    }


def test_equal_ids_are_duplicates_and_missing_ones_are_not(tmp_path: Path) -> None:
    row = [user("p"), assistant(text("t"))]
    rows = source(tmp_path, *[row] * 5, id=[7, None, 7, None, 8])
    with pytest.raises(RowError, match=r"duplicated id: its id is that of .*rows\.parquet, row 0"):
        rows.read(2)
    good = [index for index, found in enumerate(rows.survey()) if isinstance(found, Document)]
    assert good == [0, 1, 3, 4]
    assert len(list(source(tmp_path, row, row).survey())) == 2


def test_the_size_of_a_picture_is_found_however_far_behind_its_head(tmp_path: Path) -> None:
    items = []
    for num_bytes in (0, 10_000, 200_000):
        buffer = io.BytesIO()
        Image.new("RGB", (41, 17)).save(buffer, format="JPEG", icc_profile=bytes(num_bytes))
        content = base64.b64encode(buffer.getvalue()).decode()
        items.append({"type": "image", "content": content, "need_loss": True})
    document = next(source(tmp_path, [assistant(*items)]).survey())
    assert isinstance(document, Document)
    assert [one.picture.size for one, *_ in pieces(document) if one.kind.is_image] == [(41, 17)] * 3
