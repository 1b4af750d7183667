import asyncio
from dataclasses import replace

import pytest

from irg.curate.records import Relation, TraceRecord
from irg.curate.teacher import JudgeSettings, TeacherJudge
from irg.curate.teacher.templates import shipped
from irg.stages.stage import EndpointStage, run_endpoint
from tests.curate.teacher.conftest import MakeTeacher
from tests.curate.teacher.eyes import BLUE, BRIGHT, DARK, GREY, biased, first_wrong, look, pair, shape_of
from tests.endpoint.fake_server import Behaviour, FakeServer


def judged(stage: TeacherJudge, *records: TraceRecord) -> list[TraceRecord]:
    assert isinstance(stage, EndpointStage)
    return asyncio.run(run_endpoint(stage, records))


def reason(record: TraceRecord) -> str | None:
    return record.rejected.reason if record.rejected else None


def test_a_better_picture_of_the_same_is_kept(make: MakeTeacher, server: FakeServer) -> None:
    (record,) = judged(TeacherJudge(make()), pair(DARK, BRIGHT))
    assert record.rejected is None and record.relation is Relation.BETTER
    assert record.verdict1 is not None and record.verdict2 is not None
    assert record.verdict1.flaws == ("Is it bright? No: only shadow",) and record.verdict2.correct
    assert [(check.image, check.passed) for check in record.checks] == [
        *((1, False), (1, True), (2, True), (2, True))
    ]
    assert record.scores == {"image 1 passes": 0.5, "image 2 passes": 1.0}
    assert record.cost.requests == 5 == server.num_requests


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (BRIGHT, DARK, "image 2 fails a question"),
        (BRIGHT, (230, 230, 230), "image 2 is worse"),
        (BRIGHT, BRIGHT, "image 2 is not better"),
        (BLUE, BRIGHT, "image 2 means something else"),
    ],
)
def test_other_pairs_are_rejected_by_reason(
    make: MakeTeacher, first: tuple[int, int, int], second: tuple[int, int, int], expected: str
) -> None:
    assert reason(judged(TeacherJudge(make()), pair(first, second))[0]) == expected


def test_a_preference_for_a_place_counts_for_nothing(make: MakeTeacher, server: FakeServer) -> None:
    server.behaviour = Behaviour(answer=biased)
    assert reason(judged(TeacherJudge(make()), pair(DARK, BRIGHT))[0]) == "the order of the pictures decides"
    orders = [
        seen.body["messages"][1]["content"] for seen in server.requests if shape_of(seen.body) == "Comparison"
    ]
    shown = [[part["image_url"]["url"] for part in order if "image_url" in part] for order in orders]
    assert shown[0] == shown[1][::-1] and shown[0] != shown[1]


def test_equal_pairs_are_kept_on_demand_where_nothing_is_wrong(make: MakeTeacher) -> None:
    stage = TeacherJudge(make(), JudgeSettings(keep_equal=True, passed=0.5))
    kept, wrong = judged(stage, pair(BRIGHT, BRIGHT), pair(GREY, GREY, 1))
    assert reason(kept) is None and kept.relation is Relation.EQUAL
    assert reason(wrong) == "image 2 is not better"


def test_a_pair_that_fails_early_costs_no_comparison(make: MakeTeacher, server: FakeServer) -> None:
    (record,) = judged(TeacherJudge(make()), pair(DARK, DARK))
    assert [shape_of(seen.body) for seen in server.requests] == ["Questions", "Checklist"]
    assert record.cost.requests == 2


def test_a_lower_demand_lets_more_pass(make: MakeTeacher) -> None:
    (record,) = judged(TeacherJudge(make(), JudgeSettings(passed=0.5)), pair(DARK, GREY))
    assert record.rejected is None and record.verdict2 is not None and not record.verdict2.correct


def test_records_of_one_prompt_share_its_questions(make: MakeTeacher, server: FakeServer) -> None:
    judged(TeacherJudge(make()), pair(DARK, BRIGHT), pair(GREY, BRIGHT, 1))
    assert sum(shape_of(seen.body) == "Questions" for seen in server.requests) == 1


def test_every_question_has_to_be_answered(make: MakeTeacher, server: FakeServer) -> None:
    one_answer = '{"answers": [{"seen": "light", "passed": true}]}'

    def forgetful(body: dict) -> str:
        return first_wrong(look, one_answer)(body) if shape_of(body) == "Checklist" else look(body)

    server.behaviour = Behaviour(answer=forgetful)
    (record,) = judged(TeacherJudge(make()), pair(DARK, BRIGHT))
    assert record.rejected is None and record.cost.requests == 7
    assert "at least 2 items" in str(server.requests[2].body["messages"][-1])


def test_what_decides_a_judgement_is_in_its_identity(make: MakeTeacher) -> None:
    changed = replace(shipped()["judge_compare"], user="{prompt} - which is it?")
    stages = [
        TeacherJudge(make()),
        TeacherJudge(make(), seed=1),
        TeacherJudge(make(), JudgeSettings(passed=0.9)),
        TeacherJudge(make(model="wiser")),
        TeacherJudge(make(templates=shipped() | {"judge_compare": changed})),
    ]
    assert len({stage.identity.digest for stage in stages}) == len(stages)
    same = TeacherJudge(make(in_flight=2, timeout=9.0))
    assert same.identity.digest == stages[0].identity.digest


def test_an_estimate_covers_what_is_asked(make: MakeTeacher, server: FakeServer) -> None:
    stage = TeacherJudge(make(prices={"wise": {"input": 1.0, "output": 2.0}}))
    (record,) = judged(stage, pair(DARK, BRIGHT))
    estimate = stage.estimate(1)
    assert estimate.requests == server.num_requests == 5
    assert 0 < record.cost.money < estimate.most_money
