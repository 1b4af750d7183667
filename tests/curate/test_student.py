"""The checkpoint that draws."""

from pathlib import Path

from irg.curate.student import DrawingCheckpoint, PictureOrder, Student

PROMPTS = ("a red circle", "two blue stars", "a green ring")


def test_the_orders_keep_their_places(student: Student) -> None:
    orders = [
        PictureOrder(PROMPTS[0], thought, seed) for seed, thought in enumerate(["a", None, "b", None, "c"])
    ]
    drawings = student.draw(orders)
    assert [drawing.thought for drawing in drawings][::2] == ["a", "b", "c"]
    assert [drawing.capped for drawing in drawings] == [False, True, False, True, False]


def test_an_identity_is_of_weights_and_settings(student: Student, checkpoint: Path) -> None:
    same, other = (
        Student(DrawingCheckpoint(model=str(checkpoint), batch=2, num_points=number)) for number in (3, 4)
    )
    assert same.identity == student.identity != other.identity
    assert same.identity["fingerprint"] == other.identity["fingerprint"]
