from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from irg.core.settings import BaseSettings
from irg.pipeline import Pipeline
from irg.pipeline.load import NamedCheckpoint
from irg.pipeline.plans.start import settled
from irg.serve.asked import Asked, Contents, Manner
from irg.serve.asking import Asker
from irg.serve.fields import DrawingFields, TextFields
from irg.serve.history import PlanHistory
from irg.serve.planned import PlanBeginning, PlannedEpisode
from irg.serve.plans import NamedPlans
from irg.serve.refusals import Refused
from tests.pipeline.plans.test_runner import small
from tests.pipeline.watching import photo
from tests.serve.stepping import Stepped

PICTURE = photo(48, 32)


@pytest.fixture(scope="module")
def asker(small_checkpoint: NamedCheckpoint) -> Asker:
    return Asker(small_checkpoint)


def asked(asker: Asker, *parts: Any, size: str = "auto", max_tokens: int | None = None, **more: Any) -> Asked:
    def fields(of: type[BaseSettings]) -> Any:
        return of(**{name: value for name, value in more.items() if name in of.model_fields})

    manner = Manner(fields(DrawingFields), fields(TextFields), size, max_tokens)
    return asker.episode(Contents(parts, more.get("system")), manner, "me")


def planned(one: Asked) -> PlannedEpisode:
    assert isinstance(one.wanted.what, PlannedEpisode)
    return one.wanted.what


def test_what_is_asked_for_changes_the_plan(asker: Asker) -> None:
    one = asked(
        asker,
        "a star",
        plan="irg",
        turns=3,
        steps=7,
        size="64x32",
        guidance={"text_scale": 5},
        temperature=0.5,
        max_tokens=9,
        stop_when_right=True,
        system="Draw.",
        deterministic=True,
    )
    plan = planned(one).plan
    assert plan.num_images == 3 and plan.size == (64, 32) and plan.stop_when_right
    assert {getattr(step, "points", 8) for step in plan.steps} == {8}
    assert {getattr(step, "text_scale", 5) for step in plan.steps} == {5}
    assert {getattr(step, "max_tokens", 9) for step in plan.steps} == {9}
    assert getattr(plan.system, "text", None) == "Draw."
    outline = one.outline
    assert (outline.num_images, outline.width, outline.height, outline.num_written) == (3, 64, 32, 27)
    assert outline.text.temperature == 0.5 and one.wanted.alone and one.wanted.footprint > 0


def test_pictures_are_given_to_plans_that_read_them(asker: Asker) -> None:
    one = asked(asker, PICTURE, "make it blue", plan="bagel-edit")
    assert one.is_edit and planned(one).start.pictures == (PICTURE,)  # type: ignore[union-attr]
    assert (one.outline.width, one.outline.height) == asker.settings.clean.size(*PICTURE.size)
    answer = asked(asker, PICTURE, "what is it?", plan="bagel-understand")
    assert answer.answers and not one.answers


@pytest.mark.parametrize(
    "parts, fields, param, fault",
    [
        (("a star",), {"plan": "nothing"}, "plan", "no plan of this server: expected one of bagel-"),
        (("a star",), {"plan": "bagel-edit"}, "plan", "none was given"),
        (("a star", PICTURE), {"plan": "bagel-t2i"}, "plan", "reads none"),
        (("a star", "a heart"), {"plan": "irg"}, "prompt", "2 texts"),
        ((), {"plan": "irg"}, "prompt", "0 texts"),
        (("a star",), {"plan": "bagel-t2i", "turns": 2}, "turns", "draws 1 picture"),
        (("a star",), {"plan": "bagel-t2i", "stop_when_right": True}, "stop_when_right", "no text"),
        (("a star",), {"plan": "irg", "thinking": False}, "thinking", "says itself"),
        (("a star",), {"plan": "irg", "guidance": [{}]}, "guidance", "one for all"),
        (("a star",), {"plan": "irg", "guidance": {"interval": [3, 1]}}, "guidance", "interval"),
        (("a star",), {"plan": "irg", "size": "65x64"}, "size", "multiples"),
        (("star " * 200,), {"plan": "irg"}, "prompt", "tokens"),
        (("a \ud800 star",), {"plan": "irg"}, "prompt", "surrogate"),
        (("a star",), {"plan": "irg", "system": "star " * 200}, "instructions", "tokens"),
    ],
)
def test_what_cannot_be_is_refused_and_the_field_named(
    asker: Asker, parts: tuple, fields: dict[str, Any], param: str, fault: str
) -> None:
    with pytest.raises(Refused, match=fault) as refused:
        asked(asker, *parts, **fields)
    assert (refused.value.status, refused.value.param) == (400, param)


def test_a_plan_without_texts_has_none_to_stop_at(asker: Asker) -> None:
    manner = Manner(DrawingFields(plan="bagel-t2i"), TextFields(), stops_at_thought=True)
    with pytest.raises(Refused, match="no text to stop at"):
        asker.episode(Contents(("a star",)), manner, "me")


def test_only_a_text_before_the_last_picture_can_be_stopped_at(asker: Asker, tmp_path: Path) -> None:
    steps = "first: [{draw: I, reads: [prompt]}, {write: T, reads: [prompt, I:cv]}]"
    (tmp_path / "after.yaml").write_text(f"plan: 1\n{steps}\n")
    manner = Manner(DrawingFields(plan="after"), TextFields(), stops_at_thought=True)
    with pytest.raises(Refused, match="no text to stop at before its last picture"):
        replace(asker, plans=NamedPlans(tmp_path)).episode(Contents(("a star",)), manner, "me")


def test_going_on_counts_what_is_new_and_room_for_what_was_said(asker: Asker, pipeline: Pipeline) -> None:
    plan = settled(small("irg"), asker.settings)
    stepped = Stepped(pipeline)
    stepped.ask("it", PlannedEpisode(plan, 0, PlanBeginning("a star"), 512))
    stepped.run()
    history = stepped.end("it")
    assert isinstance(history, PlanHistory) and plan.num_images == 2

    def on(words: str | None, turns: int | None = None) -> Asked:
        manner = Manner(DrawingFields(turns=turns), TextFields())
        return asker.resumption(history, 1, words, manner, "me", keeps=False)

    once, twice = on(None), on(None, turns=2)
    assert (once.outline.num_images, twice.outline.num_images) == (1, 2)
    assert twice.outline.num_written == 2 * once.outline.num_written > 0
    said = on("make it blue " * 6)
    assert planned(said).room > planned(once).room and said.wanted.footprint >= once.wanted.footprint
    for words, fault in (("star " * 200, "tokens"), ("a \ud800 star", "surrogate")):
        with pytest.raises(Refused, match=fault) as refused:
            on(words)
        assert refused.value.param == "input"


def test_the_usual_plan_is_for_what_it_reads(small_checkpoint: NamedCheckpoint) -> None:
    asker = Asker(small_checkpoint, plans=NamedPlans(usual="irg"))
    one = asked(asker, "a star")
    assert planned(one).plan.num_images == 2
    assert planned(one).start == planned(one).start and isinstance(planned(one).start, PlanBeginning)
    for parts, fields in ((("a star", PICTURE), {}), (("a", "b"), {}), (("a star",), {"thinking": False})):
        assert not isinstance(asked(asker, *parts, **fields).wanted.what, PlannedEpisode)
    edits = Asker(small_checkpoint, plans=NamedPlans(usual="bagel-edit"))
    assert isinstance(asked(edits, "a star", PICTURE).wanted.what, PlannedEpisode)
    assert not isinstance(asked(edits, "a star").wanted.what, PlannedEpisode)
