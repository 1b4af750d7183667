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


def test_it_improves_by_a_plan_of_steps_which_may_draw_nothing(checkpoint: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    steps = "- {write: T, reads: [prompt], draw_if: {matches: DRAWS}}\n- {draw: I, reads: [prompt, T]}\n"
    mine.write_text(f"plan: 1\nfirst:\n{steps}")
    orders = [PictureOrder(prompt, None, seed) for seed, prompt in enumerate(PROMPTS)]
    identities = []
    for word, are_drawn in (("'.*'", True), ("NOWHERE", False)):
        mine.write_text(f"plan: 1\nfirst:\n{steps.replace('DRAWS', word)}")
        settings = DrawingCheckpoint(
            model=str(checkpoint), batch=2, num_points=3, temperature=0, plan=str(mine)
        )
        improver = Student(settings)
        images = improver.improve(orders, 1)
        assert [image is not None for image in images] == [are_drawn] * 3
        identities.append(improver.identity)
    assert identities[0] != identities[1] and identities[0]["steps"]["first"][1]["points"] == 3
