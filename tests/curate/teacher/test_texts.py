import asyncio
import json
from dataclasses import replace

import pytest

from irg.core.trace import Verdict
from irg.curate.records import Relation, TraceRecord
from irg.curate.teacher import TeacherReflect, TeacherThink
from irg.stages.stage import run_endpoint
from tests.curate.teacher.conftest import MakeTeacher
from tests.curate.teacher.eyes import BRIGHT, DARK, first_wrong, look, pair, picture, record, words_of
from tests.endpoint.fake_server import Behaviour, FakeServer


def through(stage: TeacherThink | TeacherReflect, *records: TraceRecord) -> list[TraceRecord]:
    return asyncio.run(run_endpoint(stage, records))


def test_a_thought_comes_from_the_prompt(make: MakeTeacher, server: FakeServer) -> None:
    stage = TeacherThink(make(), words=70)
    first, second = through(stage, record(0), record(1, "a {curly} thing"))
    assert first.thought and second.thought and first.thought != second.thought
    assert first.notes == {"thought": "teacher", "thought model": "wise-0613"}
    assert first.cost.requests == 1 and first.steps[0].model["name"] == "wise"
    assert first.steps[0].templates.keys() == {"think"}
    said = [words_of(seen.body) for seen in server.requests]
    assert all("at most 70 words" in words for words in said)
    assert any("a {curly} thing" in words for words in said)


def test_a_share_is_left_to_the_student(make: MakeTeacher, server: FakeServer) -> None:
    whole, shared = TeacherThink(make()), TeacherThink(make(), student=0.5)
    results = through(shared, *(record(number, f"thing {number}") for number in range(40)))
    left = [result for result in results if result.thought is None]
    assert 10 < len(left) < 30 and server.num_requests == 40 - len(left)
    assert all(result.rejected is None and not result.notes and result.cost.requests == 0 for result in left)
    assert shared.identity.digest != whole.identity.digest and shared.estimate(40).requests == 20
    through(whole, *(record(number, f"thing {number}") for number in range(40)))
    assert server.num_requests == 40  # what was asked is the same, whoever else thinks


def test_a_thought_comes_from_a_picture_and_its_prompt(make: MakeTeacher, server: FakeServer) -> None:
    seen, blind = through(TeacherThink(make(), look=True), record(0, image2=picture(BRIGHT)), record(1))
    assert seen.thought and server.num_requests == 1
    assert server.requests[0].body["messages"][1]["content"][1]["type"] == "image_url"
    assert blind.rejected is not None and blind.rejected.reason == "no picture to think from"


def test_a_reflection_has_four_parts_in_whole_sentences(make: MakeTeacher) -> None:
    (result,) = through(TeacherReflect(make()), pair(DARK, BRIGHT))
    reflection = result.reflection
    assert reflection is not None
    assert reflection.falls_short == "It is too dark."
    assert reflection.changes == "Add light, because nothing can be seen."
    assert reflection.steps == "Steps: 1. Open the window. 2. Paint the wall white."
    assert reflection.better == "Better: A bright thing in a white room."


def test_a_teacher_is_told_what_judges_found(make: MakeTeacher, server: FakeServer) -> None:
    bare = pair(DARK, BRIGHT)
    flawed = replace(bare, index=1, id="1", verdict1=Verdict(False, ("Is it bright? No: only shadow",)))
    equal = replace(bare, index=2, id="2", relation=Relation.EQUAL)
    through(TeacherReflect(make(in_flight=1)), bare, flawed, equal)
    told = [words_of(seen.body) for seen in server.requests]
    assert sum("- Is it bright? No: only shadow" in words for words in told) == 1
    assert sum("does all that the prompt says" in words for words in told) == 1
    assert sum("Nothing in it contradicts" in words for words in told) == 1


@pytest.mark.parametrize(
    "words", ["as in the second image", "The reference picture is brighter", "see image 2"]
)
def test_a_reflection_may_not_know_the_better_picture(
    make: MakeTeacher, server: FakeServer, words: str
) -> None:
    telling = {"falls_short": words, "changes": [], "steps": ["go on"], "better_prompt": "A bright thing."}
    server.behaviour = Behaviour(answer=first_wrong(look, json.dumps(telling)))
    (result,) = through(TeacherReflect(make()), pair(DARK, BRIGHT))
    assert result.reflection is not None and result.reflection.falls_short == "It is too dark."
    assert "the first picture alone" in words_of(server.requests[1].body)
    server.behaviour = Behaviour(answer=lambda body: json.dumps(telling))
    (result,) = through(TeacherReflect(make(model="another")), pair(DARK, BRIGHT))
    assert result.rejected is not None and result.rejected.reason == "answer does not fit the schema"
    assert "falls_short" in result.rejected.detail
