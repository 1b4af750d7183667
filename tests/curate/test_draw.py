"""Drawing by a student: in batches, by seeds, and what it cannot draw."""

import shutil
from pathlib import Path

import pytest

from irg.curate.draw import Draw
from irg.curate.improve import CheckpointImprove, GivenImprove
from irg.curate.oracle import OracleThink
from irg.curate.records import TraceRecord
from irg.curate.student import DrawingCheckpoint, PictureOrder, Student
from irg.pipeline.settings import Settings
from irg.prep import Resize
from tests.golden.vectors import CHECKPOINT

PROMPTS = ("a red circle", "two blue stars", "a green ring")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of random weights, for small pictures: it never comes to the end of a thought."""
    folder = tmp_path_factory.mktemp("model") / "checkpoint"
    shutil.copytree(CHECKPOINT, folder)
    clean, view = (Resize(max_side=64, min_side=32, stride=stride) for stride in (16, 14))
    small = Settings(width=64, height=64, max_thought_tokens=6, max_prompt_tokens=20, clean=clean, view=view)
    small.save(folder)
    return folder


@pytest.fixture(scope="module")
def student(checkpoint: Path) -> Student:
    return Student(DrawingCheckpoint(model=str(checkpoint), batch=2, num_points=3))


def records(*thoughts: str | None) -> list[TraceRecord]:
    return [TraceRecord(f"id{n}", n, PROMPTS[n], thought=thought) for n, thought in enumerate(thoughts)]


def test_pictures_depend_on_seeds_and_not_on_luck(student: Student) -> None:
    first, second = (Draw(student, seed=seed).run(records("one", "two", "three")) for seed in (0, 1))
    assert Draw(student, seed=0).run(records("one", "two", "three")) == first
    pictures = [record.image1 for record in (*first, *second)]
    assert len(set(pictures)) == 6 and None not in pictures
    assert first[0].candidates == (first[0].image1,) and first[0].notes == {"image 1": "student"}


def test_several_candidates_of_one_thought(student: Student) -> None:
    (drawn, *_) = Draw(student, candidates=2).run(records("one", "two", "three"))
    assert len(set(drawn.candidates)) == 2 and drawn.image1 == drawn.candidates[0]


def test_a_thought_of_its_own_has_to_end(student: Student) -> None:
    given, own = Draw(student).run(records("one", None))
    assert given.rejected is None and given.thought == "one"
    assert own.rejected is not None and own.rejected.reason == "thought without an end"
    assert own.thought and own.image1 is not None and own.notes["thought"] == "student"


def test_what_is_too_long_is_not_drawn(student: Student) -> None:
    limits = student.checkpoint.settings
    long = TraceRecord("a", 0, "red " * (limits.max_prompt_tokens + 1), thought="x")
    longer = TraceRecord("b", 1, "red", thought="red " * (limits.max_thought_tokens + 1))
    for record in Draw(student).run([long, longer]):
        assert record.rejected is not None and record.rejected.reason == "too long for the student"


def test_the_orders_keep_their_places(student: Student) -> None:
    orders = [
        PictureOrder(PROMPTS[0], thought, seed) for seed, thought in enumerate(["a", None, "b", None, "c"])
    ]
    drawings = student.draw(orders)
    assert [drawing.thought for drawing in drawings][::2] == ["a", "b", "c"]
    assert [drawing.capped for drawing in drawings] == [False, True, False, True, False]


def test_flawed_scenes_take_their_share() -> None:
    student = Student(DrawingCheckpoint(threads=1))
    prompts = [TraceRecord(f"id{n}", n, "a red circle left of a blue square") for n in range(60)]
    thought = OracleThink().run(prompts)
    drawn = Draw(student, flawed=1.0, untouched=0.5).run(thought)
    assert {record.notes["image 1"] for record in drawn} == {"programmatic flaws"}
    (lost,) = Draw(student, flawed=1.0).run([TraceRecord("id", 0, "a red circle", thought="a riddle")])
    assert lost.rejected is not None and lost.rejected.reason == "no scene to flaw"


def test_another_checkpoint_improves(student: Student) -> None:
    drawn = Draw(student).run(records("one", "two"))
    improved = CheckpointImprove(student, turns=2, seed=1).run(drawn)
    assert [record.notes["image 2"] for record in improved] == ["checkpoint"] * 2
    assert improved[0].image2 not in (None, improved[0].image1)
    (kept, lacking) = GivenImprove().run([improved[0], drawn[1]])
    assert kept.rejected is None and lacking.rejected is not None
    assert lacking.rejected.reason == "came without a picture"


def test_an_identity_is_of_weights_and_settings(student: Student, checkpoint: Path) -> None:
    same, other = (
        Student(DrawingCheckpoint(model=str(checkpoint), batch=2, num_points=number)) for number in (3, 4)
    )
    assert same.identity == student.identity != other.identity
    assert same.identity["fingerprint"] == other.identity["fingerprint"]
