"""Drawing by a student: in batches, by seeds, and what it cannot draw."""

from irg.curate.draw import Draw
from irg.curate.oracle import OracleThink
from irg.curate.records import TraceRecord
from irg.curate.student import DrawingCheckpoint, Student

PROMPTS = ("a red circle", "two blue stars", "a green ring")


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


def test_flawed_scenes_take_their_share() -> None:
    student = Student(DrawingCheckpoint(threads=1))
    prompts = [TraceRecord(f"id{n}", n, "a red circle left of a blue square") for n in range(60)]
    thought = OracleThink().run(prompts)
    drawn = Draw(student, flawed=1.0, untouched=0.5).run(thought)
    assert {record.notes["image 1"] for record in drawn} == {"programmatic flaws"}
    (lost,) = Draw(student, flawed=1.0).run([TraceRecord("id", 0, "a red circle", thought="a riddle")])
    assert lost.rejected is not None and lost.rejected.reason == "no scene to flaw"
