import asyncio
import json
import re

import pytest

from irg.curate.propose import Proposal
from irg.curate.teacher import TeacherPrompts
from irg.stages.stage import StopRun
from tests.curate.teacher.conftest import MakeTeacher
from tests.curate.teacher.eyes import words_of
from tests.endpoint.fake_server import Behaviour, FakeServer


def proposals(prompts: TeacherPrompts, start: int, count: int) -> list[Proposal]:
    return list(asyncio.run(prompts.proposals(start, count)))


def test_proposals_are_the_same_however_they_are_asked_for(make: MakeTeacher, server: FakeServer) -> None:
    prompts = TeacherPrompts(make(), batch=4, licence="CC0-1.0")
    whole = proposals(prompts, 0, 10)
    assert len(whole) == 10 == len({proposal.prompt for proposal in whole}) and server.num_requests == 3
    parts = [*proposals(prompts, 0, 1), *proposals(prompts, 1, 6), *proposals(prompts, 7, 3)]
    assert parts == whole and server.num_requests == 3
    assert whole[0].source == "teacher wise" and whole[0].licence == "CC0-1.0"


def test_each_batch_is_about_the_next_subject(make: MakeTeacher, server: FakeServer) -> None:
    proposals(TeacherPrompts(make(in_flight=1), subjects=("cats", "ships"), batch=2), 0, 6)
    asked = [words_of(seen.body) for seen in server.requests]
    assert sorted(re.findall(r"about this: (\w+)", " ".join(asked))) == ["cats", "cats", "ships"]
    assert len({json.dumps(seen.body) for seen in server.requests}) == 3  # never the same question


def test_a_batch_without_an_answer_is_proposed_as_nothing(make: MakeTeacher, server: FakeServer) -> None:
    server.behaviour = Behaviour(answer=lambda body: "no")
    found = proposals(TeacherPrompts(make(), batch=3), 0, 3)
    assert [proposal.prompt for proposal in found] == ["", "", ""]
    assert {proposal.problem for proposal in found} == {
        (
            "answer does not fit the schema",
            "also when asked again: it holds no complete JSON object; it said: no",
        )
    }


def test_a_spent_budget_stops_the_run(make: MakeTeacher) -> None:
    with pytest.raises(StopRun, match="max_requests"):
        proposals(TeacherPrompts(make(max_requests=1), batch=2), 0, 6)


def test_an_estimate_counts_batches(make: MakeTeacher) -> None:
    assert TeacherPrompts(make(), batch=20).estimate(101).requests == 6
