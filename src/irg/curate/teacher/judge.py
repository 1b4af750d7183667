"""A judge behind an endpoint: questions about each picture, and a comparison in both orders.

Models prefer the picture that is shown first, or last. So a preference counts only when it is the same
whichever way round the pictures are shown; and what a picture shows is asked for picture by picture, in
questions that come from the prompt alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, create_model

from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.core.settings import BaseSettings
from irg.core.trace import Verdict
from irg.curate.records import PictureCheck, Relation, TraceRecord
from irg.endpoint import Estimate
from irg.endpoint.asking import AskingStage, Case, Respondent, gathered


class JudgeSettings(BaseSettings):
    """What a pair has to fulfil to be kept."""

    questions: int = Field(default=8, ge=1, le=30)
    """Questions per prompt, at the most."""
    passed: float = Field(default=1.0, ge=0, le=1)
    """The smallest share of questions that image 2 passes."""
    keep_equal: bool = False
    """Keep pairs of equal pictures too where image 1 passes every question: their reflections teach to leave
    alone what is right."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuestionList(_Shape):
    questions: Annotated[list[Annotated[str, Field(min_length=5)]], Field(min_length=1)]


class Answer(_Shape):
    seen: Annotated[str, Field(min_length=1)]
    passed: bool


class Checklist(_Shape):
    answers: list[Answer]


class Preference(StrEnum):
    FIRST = "first"
    SECOND = "second"
    EQUAL = "equal"


class Comparison(_Shape):
    difference: Annotated[str, Field(min_length=1)]
    same_meaning: bool
    better: Preference


@cache
def questions_up_to(most: int) -> type[QuestionList]:
    items = Annotated[list[Annotated[str, Field(min_length=5)]], Field(min_length=1, max_length=most)]
    return create_model("Questions", __base__=QuestionList, questions=(items, ...))


@cache
def checklist_of(count: int) -> type[Checklist]:
    items = Annotated[list[Answer], Field(min_length=count, max_length=count)]
    return create_model("Checklist", __base__=Checklist, answers=(items, ...))


@dataclass(frozen=True)
class _Opinion:
    """What both orders together say: None where they contradict each other."""

    relation: Relation | None
    same_meaning: bool
    differences: tuple[str, str]

    @classmethod
    def of(cls, forward: Comparison, backward: Comparison) -> "_Opinion":
        turned = {Preference.FIRST: Preference.SECOND, Preference.SECOND: Preference.FIRST}
        agree = forward.better is turned.get(backward.better, backward.better)
        relations = {
            Preference.FIRST: Relation.WORSE,
            Preference.SECOND: Relation.BETTER,
            Preference.EQUAL: Relation.EQUAL,
        }
        same = forward.same_meaning and backward.same_meaning
        differences = (forward.difference, backward.difference)
        return cls(relations[forward.better] if agree else None, same, differences)


class TeacherJudge(AskingStage[TraceRecord]):
    """Keeps pairs whose second picture does what the prompt says, means the same and is better."""

    shows = True

    def __init__(self, teacher: Respondent, settings: JudgeSettings | None = None, seed: int = 0) -> None:
        self.settings = settings or JudgeSettings()
        schemas = {"judge_questions": QuestionList, "judge_checks": Checklist, "judge_compare": Comparison}
        identity = teacher.identity("judge", schemas, seed)
        demands = self.settings.model_dump(mode="json", include=set(JudgeSettings.model_fields))
        super().__init__(teacher, replace(identity, settings=identity.settings | demands))

    def estimate(self, count: int) -> Estimate:
        call, questions = self.teacher.call, self.settings.questions
        return self.teacher.estimate(
            [
                call(count, "judge_questions", 0, questions * 20),
                call(2 * count, "judge_checks", 1, questions * 30),
                call(2 * count, "judge_compare", 2, 80),
            ]
        )

    async def one(self, case: Case[TraceRecord]) -> TraceRecord:
        record, image1, image2 = case.record, case.record.image1, case.record.image2
        assert image1 is not None and image2 is not None, "judging needs both pictures"
        questions = await self._questions(case)
        # The cheapest way to find that a pair is no good comes first.
        checks2, verdict2 = await self._check(case, 2, image2, questions)
        record = replace(record, verdict2=verdict2, checks=checks2)
        record = record.scored({"image 2 passes": verdict2.scores["passed"]})
        if verdict2.scores["passed"] < self.settings.passed:
            return record.reject("judge", "image 2 fails a question", "; ".join(verdict2.flaws))
        checks1, verdict1 = await self._check(case, 1, image1, questions)
        opinion = await self._compare(case, image1, image2)
        record = replace(
            record, verdict1=verdict1, checks=(*checks1, *checks2), relation=opinion.relation
        ).scored({"image 1 passes": verdict1.scores["passed"]})
        reason = self._reason(opinion, verdict1, verdict2)
        return record.reject("judge", reason, " / ".join(opinion.differences)) if reason else record

    def _reason(self, opinion: _Opinion, verdict1: Verdict, verdict2: Verdict) -> str | None:
        if opinion.relation is None:
            return "the order of the pictures decides"
        if not opinion.same_meaning:
            return "image 2 means something else"
        if opinion.relation is Relation.WORSE:
            return "image 2 is worse"
        if verdict2.scores["passed"] < verdict1.scores["passed"]:
            return "image 2 passes fewer questions"
        if opinion.relation is Relation.EQUAL and not (self.settings.keep_equal and verdict1.correct):
            return "image 2 is not better"
        return None

    async def _questions(self, case: Case[TraceRecord]) -> list[str]:
        """They depend on the prompt alone: records that share it share them."""
        prompt, most = case.record.prompt, self.settings.questions
        seed = int(digest_of(self.identity.seed, prompt)[:8], 16)
        fields = {"prompt": prompt, "most": most}
        reply = await case.paid(self.teacher.ask("judge_questions", fields, questions_up_to(most), seed))
        return reply.value.questions

    async def _check(
        self, case: Case[TraceRecord], number: int, picture: Picture, questions: Sequence[str]
    ) -> tuple[tuple[PictureCheck, ...], Verdict]:
        numbered = "\n".join(f"{place}. {question}" for place, question in enumerate(questions, start=1))
        fields = {"count": len(questions), "questions": numbered}
        schema, seed = checklist_of(len(questions)), self.identity.seed_for(case.record)
        answers = (
            await case.paid(self.teacher.ask("judge_checks", fields, schema, seed, (picture,)))
        ).value.answers
        checks = tuple(
            PictureCheck(number, question, answer.passed)
            for question, answer in zip(questions, answers, strict=True)
        )
        flaws = tuple(
            f"{question} No: {answer.seen}"
            for question, answer in zip(questions, answers, strict=True)
            if not answer.passed
        )
        share = sum(check.passed for check in checks) / len(checks)
        return checks, Verdict(not flaws, flaws, {"passed": share})

    async def _compare(self, case: Case[TraceRecord], image1: Picture, image2: Picture) -> _Opinion:
        def shown(first: Picture, second: Picture) -> tuple[str | Picture, ...]:
            return ("The first picture:", first, "The second picture:", second)

        fields, seed = {"prompt": case.record.prompt}, self.identity.seed_for(case.record)
        pairs = (shown(image1, image2), shown(image2, image1))
        forward, backward = await gathered(
            *(case.paid(self.teacher.ask("judge_compare", fields, Comparison, seed, pair)) for pair in pairs)
        )
        return _Opinion.of(forward.value, backward.value)
