"""What teachers write: the initial thought, and the reflection on the first picture."""

import re
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from irg.curate.records import Reflection, Relation, TraceRecord
from irg.endpoint import Estimate
from irg.endpoint.asking import AskingStage, Case, Respondent


class Thought(BaseModel):
    model_config = ConfigDict(extra="forbid")

    thought: Annotated[str, Field(min_length=20)]


class TeacherThink(AskingStage[TraceRecord]):
    """Writes the initial thought from the prompt, or from the prompt and the picture (`image2`) that the
    record came with. A share of the records (`student`) goes on without one, to be drawn with the student's
    own."""

    def __init__(
        self, teacher: Respondent, look: bool = False, words: int = 150, student: float = 0.0, seed: int = 0
    ) -> None:
        self.look, self.words, self.student = look, words, student
        self.shows = look
        self.template = "think_from_picture" if look else "think"
        identity = teacher.identity("think", {self.template: Thought}, seed)
        self._asking = replace(identity, settings=identity.settings | {"look": look, "words": words})
        """What questions depend on: not who else thinks."""
        shared = self._asking.settings | {"student": student}
        identity = replace(self._asking, settings=shared) if student else self._asking
        super().__init__(teacher, identity)

    def estimate(self, count: int) -> Estimate:
        taught = round(count * (1 - self.student))
        return self.teacher.estimate(
            [self.teacher.call(taught, self.template, self.look, self.words * 3 // 2)]
        )

    async def one(self, case: Case[TraceRecord]) -> TraceRecord:
        record = case.record
        if np.random.default_rng(self.identity.seed_for(record)).random() < self.student:
            return record
        if self.look and record.image2 is None:
            return record.reject(self.identity.name, "no picture to think from")
        shown = (record.image2,) if self.look and record.image2 is not None else ()
        fields = {"prompt": record.prompt, "words": self.words}
        reply = await case.paid(
            self.teacher.ask(self.template, fields, Thought, self._asking.seed_for(record), shown)
        )
        noted = record.noted({"thought": "teacher", "thought model": reply.served})
        return replace(noted, thought=" ".join(reply.value.thought.split()))


_TELLTALE = re.compile(
    r"\b(second|other|improved|better|target|reference) (image|picture|version)\b|"
    r"\b(image|picture|version) (2|two|b)\b",
    re.IGNORECASE,
)


def _tells_nothing(text: str) -> str:
    """A reflection is the thought of one who has only the first picture."""
    if found := _TELLTALE.search(text):
        raise ValueError(f"speaks of {found.group()!r}, expected words about the first picture alone")
    return text


Part = Annotated[str, Field(min_length=3), AfterValidator(_tells_nothing)]


class Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    change: Part
    reason: Annotated[Part, Field(description="how the sentence goes on after 'because'")]


class FourParts(BaseModel):
    """The shape of a reflection."""

    model_config = ConfigDict(extra="forbid")

    falls_short: Part
    changes: Annotated[list[Change], Field(min_length=1, max_length=12)]
    steps: Annotated[list[Part], Field(min_length=1, max_length=12)]
    better_prompt: Annotated[Part, Field(min_length=10)]


class TeacherReflect(AskingStage[TraceRecord]):
    """Compares both pictures and writes what to improve, as if only the first were known."""

    shows = True

    def __init__(self, teacher: Respondent, seed: int = 0) -> None:
        super().__init__(teacher, teacher.identity("reflect", {"reflect": FourParts}, seed))

    def estimate(self, count: int) -> Estimate:
        return self.teacher.estimate([self.teacher.call(count, "reflect", 2, 500)])

    async def one(self, case: Case[TraceRecord]) -> TraceRecord:
        record = case.record
        assert record.image1 is not None and record.image2 is not None, "reflecting needs both pictures"
        shown = ("The first picture:", record.image1, "What it will look like, for you alone:", record.image2)
        fields = {"prompt": record.prompt, "findings": _findings(record)}
        seed = self.identity.seed_for(record)
        reply = await case.paid(self.teacher.ask("reflect", fields, FourParts, seed, shown))
        noted = record.noted({"reflection": "teacher", "reflection model": reply.served})
        return replace(noted, reflection=in_four_parts(reply.value))


def _findings(record: TraceRecord) -> str:
    """What judges found wrong with the first picture."""
    if record.relation is Relation.EQUAL:
        return "The first picture does all that the prompt says: say so, and only how to make it finer."
    flaws = record.verdict1.flaws if record.verdict1 is not None else ()
    if not flaws:
        return "Nothing in it contradicts the prompt: look at how well it is made."
    return "Found wrong with the first picture:\n" + "\n".join(f"- {flaw}" for flaw in flaws)


def in_four_parts(shape: FourParts) -> Reflection:
    """The parts as prose, each a passage of whole sentences."""
    changes = (f"{_bare(item.change)}, because {_after_because(item.reason)}." for item in shape.changes)
    steps = (f"{number}. {_bare(step)}." for number, step in enumerate(shape.steps, start=1))
    return Reflection(
        f"{_bare(shape.falls_short)}.",
        " ".join(changes),
        "Steps: " + " ".join(steps),
        f"Better: {_bare(shape.better_prompt)}.",
    )


def _after_because(text: str) -> str:
    return re.sub(r"^because\s+", "", _bare(text), flags=re.IGNORECASE)


def _bare(text: str) -> str:
    return " ".join(text.split()).rstrip(" .;,")
