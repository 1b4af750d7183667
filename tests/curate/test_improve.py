"""Image 2 by a checkpoint."""

from irg.curate.draw import Draw
from irg.curate.improve import CheckpointImprove, GivenImprove
from irg.curate.records import TraceRecord
from irg.curate.student import Student

PROMPTS = ("a red circle", "two blue stars", "a green ring")


def records(*thoughts: str | None) -> list[TraceRecord]:
    return [TraceRecord(f"id{n}", n, PROMPTS[n], thought=thought) for n, thought in enumerate(thoughts)]


def test_another_checkpoint_improves(student: Student) -> None:
    drawn = Draw(student).run(records("one", "two"))
    improved = CheckpointImprove(student, turns=2, seed=1).run(drawn)
    assert [record.notes["image 2"] for record in improved] == ["checkpoint"] * 2
    assert improved[0].image2 not in (None, improved[0].image1)
    (kept, lacking) = GivenImprove().run([improved[0], drawn[1]])
    assert kept.rejected is None and lacking.rejected is not None
    assert lacking.rejected.reason == "came without a picture"
