from typing import Any

import numpy as np
import pytest
from PIL import Image

from irg.core.picture import Picture
from irg.pipeline import Plan
from irg.pipeline.load import NamedCheckpoint
from irg.serve.asked import Asked, Contents, Manner
from irg.serve.asking import Asker
from irg.serve.course import Beginning, Episode, WordsWanted
from irg.serve.fields import DrawingFields, TextFields
from irg.serve.pictures import Encoding
from irg.serve.refusals import Refused

PICTURE = Image.fromarray(np.full((48, 32, 3), 200, np.uint8))
ADDRESS = Encoding().address(Picture.of(PICTURE).data)


@pytest.fixture(scope="module")
def asker(small_checkpoint: NamedCheckpoint) -> Asker:
    return Asker(small_checkpoint)


def manner(size: str = "auto", max_tokens: int | None = None, **fields: Any) -> Manner:
    drawing = {name: value for name, value in fields.items() if name in DrawingFields.model_fields}
    text = {name: value for name, value in fields.items() if name in TextFields.model_fields}
    return Manner(DrawingFields(**drawing), TextFields(**text), size, max_tokens)


def drawn(asker: Asker, *parts: Any, system: str | None = None, **fields: Any) -> Asked:
    return asker.episode(Contents(parts, system), manner(**fields), "me")


def start(asked: Asked) -> Beginning:
    assert isinstance(asked.wanted.what, Episode | WordsWanted)
    assert isinstance(asked.wanted.what.start, Beginning)
    return asked.wanted.what.start


def plan_of(asked: Asked) -> Plan:
    assert isinstance(asked.wanted.what, Episode | WordsWanted)
    return asked.wanted.what.plan


def test_a_prompt_is_drawn_as_the_checkpoint_usually_does(asker: Asker) -> None:
    asked = drawn(asker, "a star")
    assert plan_of(asked) == asker.settings.plan() and start(asked).system == asker.settings.system_prompt
    assert asked.wanted.footprint > 0 and not asked.is_edit and not asked.notes


def test_what_is_asked_for_changes_the_plan(asker: Asker) -> None:
    asked = drawn(
        asker,
        "a star",
        size="64x32",
        turns=3,
        steps=7,
        thinking=False,
        temperature=1.5,
        top_p=0.5,
        max_tokens=9,
    )
    plan = plan_of(asked)
    outline = asked.outline
    assert (outline.num_images, outline.width, outline.height, outline.num_written) == (3, 64, 32, 0)
    assert (plan.width, plan.height, len(plan.turns)) == (64, 32, 3)
    assert {turn.num_points for turn in plan.turns} == {8} and not any(turn.think for turn in plan.turns)
    assert (plan.text.temperature, plan.text.top_p, plan.text.max_tokens) == (1.5, 0.5, 9)
    assert start(asked).system == "", "nothing tells a model to think that is not to"


def test_guidance_is_for_all_turns_or_for_each(asker: Asker) -> None:
    usual = asker.settings.plan(3).turns
    all_turns = drawn(asker, "a star", turns=3, guidance={"text_scale": 5})
    assert [turn.guidance.text_scale for turn in plan_of(all_turns).turns] == [5, 5, 5]
    assert [turn.guidance.interval for turn in plan_of(all_turns).turns] == [
        turn.guidance.interval for turn in usual
    ]
    each = drawn(asker, "a star", turns=3, guidance=[{"image_scale": 1}, {"text_scale": 2}])
    assert [turn.guidance.image_scale for turn in plan_of(each).turns] == [1, 2, 2]
    assert [turn.guidance.text_scale for turn in plan_of(each).turns] == [3, 2, 2]


def test_a_picture_is_edited_in_its_own_size(asker: Asker) -> None:
    asked = drawn(asker, "make it blue", PICTURE)
    size = asker.settings.clean.size(*PICTURE.size)
    assert asked.is_edit and plan_of(asked).size == size
    assert plan_of(asked).turns[0].guidance == asker.settings.edit
    assert start(asked).before == (PICTURE,) and start(asked).instruction == "make it blue"


def test_everything_that_was_said_goes_before_the_last_words(asker: Asker) -> None:
    asked = drawn(asker, "a star", " ", "a thought", PICTURE, "make it red", system="Draw.")
    assert start(asked).before == ("a star", "a thought", PICTURE)
    assert start(asked).instruction == "make it red" and start(asked).system == "Draw."


@pytest.mark.parametrize(
    "parts, fields, param, fault",
    [
        (("",), {}, "prompt", "empty"),
        ((PICTURE,), {}, "prompt", "empty"),
        (("star " * 100,), {}, "prompt", "tokens"),
        (("a \ud800 star",), {}, "prompt", "surrogate"),
        (("a star",), {"size": "65x64"}, "size", "multiples"),
        (("a star",), {"size": "2048x64"}, "size", "up to"),
        (("a star",), {"guidance": {"interval": [3, 1]}}, "guidance", "interval"),
        (("a star",), {"turns": 1, "guidance": [{}, {}]}, "guidance", "2 turns"),
        (("a star",), {"guidance": []}, "guidance", "0 turns"),
        (("a star",), {"temperature": 1e-9}, "temperature", "temperature"),
    ],
)
def test_what_cannot_be_is_refused_and_the_field_named(
    asker: Asker, parts: tuple, fields: dict[str, Any], param: str, fault: str
) -> None:
    with pytest.raises(Refused, match=fault) as refused:
        drawn(asker, *parts, **fields)
    assert (refused.value.status, refused.value.param) == (400, param)


def test_a_turn_without_a_thought_cannot_be_left_at_it(asker: Asker) -> None:
    asked = Manner(DrawingFields(thinking=False), TextFields(), stops_at_thought=True)
    with pytest.raises(Refused, match="no thought"):
        asker.episode(Contents(("a star",)), asked, "me")


def test_answers_are_greedy_and_think_where_that_is_asked_for(asker: Asker) -> None:
    asked = asker.answer(Contents(("what is it?", PICTURE)), manner(), "me")
    assert isinstance(asked.wanted.what, WordsWanted) and plan_of(asked).text.temperature == 0
    assert asked.answers and asked.outline.num_written == plan_of(asked).text.max_tokens
    assert start(asked).before == (PICTURE,) and start(asked).system == ""
    thinking = asker.answer(Contents(("what is it?",)), manner(thinking=True), "me")
    assert start(thinking).system == asker.settings.ask_prompt


def test_pictures_come_in_addresses_that_hold_them(asker: Asker) -> None:
    assert np.array_equal(np.asarray(asker.picture(ADDRESS, "it")), np.asarray(PICTURE))


@pytest.mark.parametrize(
    "source, fault",
    [
        ("https://example.org/a.png", "not fetched"),
        ("file:///etc/passwd", "not fetched"),
        ("data:image/png;base64,!!!!", "base64"),
        ("data:image/png,abc", "expected data:"),
        ("data:image/png;base64,aaaa", "not a picture"),
        (b"", "empty"),
    ],
)
def test_a_picture_that_cannot_be_read_is_refused(asker: Asker, source: str | bytes, fault: str) -> None:
    with pytest.raises(Refused, match=fault) as refused:
        asker.picture(source, "it")
    assert (refused.value.code, refused.value.param) == ("invalid_image", "it")


def test_a_prompt_is_worded_as_the_models_world_knows_it() -> None:
    asker = Asker(NamedCheckpoint())
    asked = drawn(asker, "draw me a green star, please")
    assert "star" in start(asked).instruction
    assert any("outside" in note for note in drawn(asker, "a fox in the snow").notes)
    with pytest.raises(Refused, match="empty"):
        drawn(asker, PICTURE)


@pytest.mark.parametrize(
    "field, fields",
    [
        ("turns", {"turns": 2}),
        ("guidance", {"guidance": {}}),
        ("steps", {"steps": 3}),
        ("stop_when_right", {"stop_when_right": True}),
        ("size", {"size": "32x32"}),
        ("plan", {"plan": "irg"}),
    ],
)
def test_an_answer_in_words_takes_nothing_that_is_of_pictures(
    asker: Asker, field: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(Refused, match="words alone are asked for") as refused:
        asker.answer(Contents(("why?",)), manner(**fields), "me")
    assert refused.value.param == field
    for asked in (
        Manner(DrawingFields(), TextFields(), partial_images=1),
        Manner(DrawingFields(), TextFields(), stops_at_thought=True),
    ):
        with pytest.raises(Refused, match="nothing is drawn"):
            asker.answer(Contents(("why?",)), asked, "me")
