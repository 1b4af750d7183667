"""The parts of a recipe: who does a stage is said by a name, and only what that one can be told is taken."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from irg.core.settings import BaseSettings, checked
from irg.curate import parts
from irg.curate.oracle import CandidateChoice
from irg.curate.parts import GrammarProposes, StudentDraws, TeacherPart
from irg.curate.prompts import ScenePrompts
from irg.curate.teacher import Improvement

TEACHER = {"teacher": "wise"}
VARIANTS: dict[str, dict[str, tuple[type[BaseSettings], dict[str, Any]]]] = {
    "Propose": {
        "grammar": (parts.GrammarProposes, {"count": 5}),
        "files": (parts.FilesPropose, {"count": 5, "files": ["a.txt"]}),
        "teacher": (parts.TeacherProposes, {"count": 5, **TEACHER}),
    },
    "Think": {
        "oracle": (parts.OracleThinks, {}),
        "teacher": (parts.TeacherThinks, TEACHER),
        "student": (parts.StudentThinks, {}),
    },
    "Improve": {
        "oracle": (parts.OracleImproves, {}),
        "checkpoint": (parts.CheckpointImproves, {}),
        "teacher": (parts.TeacherImproves, TEACHER),
        "given": (parts.GivenImproves, {}),
    },
    "Judge": {"oracle": (parts.OracleJudges, {}), "teacher": (parts.TeacherJudges, TEACHER)},
    "Reflect": {"oracle": (parts.OracleReflects, {}), "teacher": (parts.TeacherReflects, TEACHER)},
}
ALL = [(stage, by, *variant) for stage, known in VARIANTS.items() for by, variant in known.items()]


def read(stage: str, content: dict[str, Any]) -> Any:
    return TypeAdapter(getattr(parts, stage)).validate_python(content)


@pytest.mark.parametrize(("stage", "by", "kind", "least"), ALL)
def test_a_name_says_which_part_it_is(
    stage: str, by: str, kind: type[BaseSettings], least: dict[str, Any]
) -> None:
    part = read(stage, {"by": by, **least})
    assert type(part) is kind
    assert read(stage, part.model_dump(mode="json")) == part
    for name in least:
        with pytest.raises(ValidationError, match=rf"{by}\.{name}\n  Field required"):
            read(stage, {"by": by, **{other: value for other, value in least.items() if other != name}})
    with pytest.raises(ValidationError, match=rf"{by}\.surprise\n  Extra inputs are not permitted"):
        read(stage, {"by": by, **least, "surprise": 1})


@pytest.mark.parametrize("stage", VARIANTS)
def test_nobody_else_does_it(stage: str) -> None:
    for content in ({"by": "nobody"}, {}):
        with pytest.raises(ValidationError) as caught:
            read(stage, content)
        assert "by" in str(caught.value)
    with pytest.raises(ValidationError) as caught:
        read(stage, {"by": "nobody"})
    assert ", ".join(f"'{by}'" for by in VARIANTS[stage]) in str(caught.value)


@pytest.mark.parametrize(
    ("stage", "wrong"),
    [
        ("Propose", {"by": "grammar", "count": 0}),
        ("Propose", {"by": "grammar", "count": 1, "repeats": 0}),
        ("Propose", {"by": "teacher", "count": 1, "teacher": "wise", "subjects": []}),
        ("Propose", {"by": "teacher", "count": 1, "teacher": "wise", "batch": 0}),
        ("Think", {"by": "oracle", "student": 1.01}),
        ("Think", {"by": "teacher", "teacher": "wise", "student": -0.01}),
        ("Think", {"by": "teacher", "teacher": "wise", "words": 0}),
        ("Think", {"by": "student", "student": 0.5}),
        ("Improve", {"by": "oracle", "choice": "last"}),
        ("Improve", {"by": "checkpoint", "turns": 0}),
        ("Improve", {"by": "teacher", "teacher": "wise", "size": [1024, 0]}),
        ("Improve", {"by": "teacher", "teacher": "wise", "how": "magic"}),
        ("Judge", {"by": "teacher", "teacher": "wise", "passed": 1.1}),
    ],
)
def test_bounds_hold(stage: str, wrong: dict[str, Any]) -> None:
    *_, name = wrong
    with pytest.raises(ValidationError, match=rf"^1 validation error.*\n{wrong['by']}\.{name}"):
        read(stage, wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"candidates": 0}, "draw: candidates: 0: Input should be greater than or equal to 1"),
        ({"flawed": 1.5}, "draw: flawed: 1.5: Input should be less than or equal to 1"),
        ({"untouched": -1}, "draw: untouched: -1: Input should be greater than or equal to 0"),
        ({"candidate": 2}, "draw: candidate: there is no such setting; did you mean candidates?"),
    ],
)
def test_the_student_draws_within_bounds(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked(StudentDraws, wrong, "draw")
    assert str(caught.value) == message


def test_what_is_not_said_is_as_documented() -> None:
    assert (StudentDraws().candidates, StudentDraws().flawed, StudentDraws().untouched) == (1, 0, 0)
    assert read("Improve", {"by": "oracle"}).choice is CandidateChoice.FIRST
    teacher = read("Improve", {"by": "teacher", "teacher": "wise"})
    assert (teacher.size, teacher.how) == ((1024, 1024), Improvement.DRAW)
    assert read("Propose", {"by": "files", "count": 1, "files": ["a.txt"]}).files == (Path("a.txt"),)


def test_families_that_are_not_said_are_the_worlds() -> None:
    families = GrammarProposes(by="grammar", count=1).families
    assert ScenePrompts(families).weights == families
    families.clear()
    assert GrammarProposes(by="grammar", count=1).families, "each recipe has its own"


def test_a_teacher_is_a_model_behind_an_address_and_keeps_its_key() -> None:
    endpoint = {"base_url": "http://localhost:1/v1", "model": "wise"}
    teacher = checked(TeacherPart, {"endpoint": endpoint, "templates": "mine.yaml"}, "teachers.a")
    assert (teacher.templates, teacher.sampling.max_tokens) == (Path("mine.yaml"), 1000)
    with pytest.raises(ValueError) as caught:
        checked(TeacherPart, {"endpoint": {**endpoint, "key_env": "sk-a0b1"}}, "teachers.a")
    assert str(caught.value).startswith("teachers.a: endpoint.key_env: expected an environment variable's")
    assert "sk-a0b1" not in str(caught.value)
