"""The oracle as teacher, improver and judge: what it says of pictures is so."""

from dataclasses import replace

import numpy as np
import pytest

from irg.core.picture import Picture
from irg.core.trace import Verdict
from irg.curate.oracle import (
    IMPROVING,
    CandidateChoice,
    OracleImprove,
    OracleJudge,
    OracleReflect,
    OracleThink,
    flawed_picture,
    plan_of,
    read_picture,
)
from irg.curate.records import Relation, TraceRecord
from irg.world import fulfils, judge, parse, parse_reflection

PROMPT = "a red circle left of a blue square"


def thought(seed: int = 0, prompt: str = PROMPT) -> str:
    (record,) = OracleThink(seed=seed).run([TraceRecord(f"id{seed}", 0, prompt)])
    assert record.thought is not None
    return record.thought


def picture(plan: str, flawed: bool, seed: int = 0) -> Picture:
    return flawed_picture(plan, flawed, np.random.default_rng(seed))


def improved(*candidates: Picture, plan: str, choice: CandidateChoice = CandidateChoice.FIRST) -> TraceRecord:
    record = TraceRecord("id", 0, PROMPT, thought=plan, candidates=candidates, image1=candidates[0])
    return OracleImprove(choice).run([record])[0]


def through(record: TraceRecord) -> TraceRecord:
    (judged,) = OracleJudge().run([record])
    assert judged.rejected is None
    return OracleReflect().run([judged])[0]


def test_a_thought_plans_what_the_prompt_asks_for() -> None:
    plans = {thought(seed) for seed in range(5)}
    assert len(plans) > 1
    for text in plans:
        plan = plan_of(text)
        assert plan is not None and fulfils(plan, parse(PROMPT))


def test_a_share_is_left_to_the_student() -> None:
    records = [TraceRecord(f"id{number}", number, PROMPT) for number in range(400)]
    without = [record.index for record in OracleThink(0.3).run(records) if record.thought is None]
    assert 90 <= len(without) <= 150
    assert without == [record.index for record in OracleThink(0.3).run(records) if record.thought is None]


def test_a_prompt_of_another_world_is_rejected() -> None:
    found = OracleThink().run([TraceRecord("id", 0, "a photo of the sea")])[0].rejected
    assert found is not None and found.reason == "outside the scene world" and found.detail


def test_a_flawed_picture_is_mended_and_the_reflection_says_how() -> None:
    for seed in range(6):
        plan = thought(seed)
        record = through(improved(picture(plan, True, seed), plan=plan))
        assert record.image2 is not None and record.reflection is not None
        assert judge(parse(PROMPT), read_picture(record.image2)) == ()
        assert record.verdict2 == Verdict(True) and record.relation is Relation.BETTER
        flaws, better = parse_reflection(record.reflection.text)
        assert len(flaws) == record.scores["flaws"] > 0
        assert better == read_picture(record.image2).scene.content
        assert record.modes == ()


def test_a_right_picture_stays_as_it_is() -> None:
    plan = thought(1)
    record = through(improved(picture(plan, False), plan=plan))
    assert record.relation is Relation.EQUAL and record.scores["flaws"] == 0
    assert record.image1 is not None and record.image2 is not None
    assert read_picture(record.image1).scene.content == read_picture(record.image2).scene.content


def test_a_trace_whose_plan_is_wrong_teaches_improving_alone() -> None:
    wrong = thought(0, "two green stars")
    assert through(improved(picture(wrong, False), plan=wrong)).modes == IMPROVING


def test_a_second_picture_that_is_wrong_is_rejected() -> None:
    plan = thought(2)
    record = replace(
        improved(picture(plan, False), plan=plan), image2=picture(thought(0, "two green stars"), False)
    )
    found = OracleJudge().run([record])[0]
    assert found.rejected is not None and found.rejected.reason == "image 2 is wrong"
    assert found.relation is Relation.WORSE and found.verdict2 is not None and found.verdict2.flaws


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (CandidateChoice.FIRST, 0),
        (CandidateChoice.FLAWED, 1),
        (CandidateChoice.WORST, 2),
        (CandidateChoice.BEST, 0),
    ],
)
def test_chooses_among_candidates(choice: CandidateChoice, expected: int) -> None:
    plan = thought(3)
    far_off = picture(thought(0, "two green stars"), False)
    candidates = picture(plan, False), picture(plan, True, 1), far_off
    record = improved(*candidates, plan=plan, choice=choice)
    assert record.notes["candidate"] == expected and record.image1 == candidates[expected]
