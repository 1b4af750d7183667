from irg.world2.fulfil import random_scene
from irg.world2.lessons import questions
from tests.world2.builders import HEART_ON_CIRCLE, STAR_IN_SQUARE, rng, scene, thing


def answers(*things):
    """All questions about a scene that can come, with the answers they ever get."""
    found: dict[str, set[str]] = {}
    generator = rng()
    for _ in range(60):
        for question, answer in questions(scene(*things), generator):
            found.setdefault(question, set()).add(answer)
    return found


def test_questions_have_one_true_answer():
    found = answers(
        thing("star", 20, 20), thing("small striped blue ring", 100, 64), thing("blue star", 64, 110)
    )
    assert all(len(each) == 1 for each in found.values())
    expected = {
        "how many stars are there?": "two.",
        "how many blue objects are there?": "two.",
        "how many moons are there?": "zero.",
        "what color is the ring?": "blue.",
        "what texture is the ring?": "striped.",
        "what size is the ring?": "small.",
        "where is the red star?": "top-left.",
        "what is right?": "right small striped blue ring.",
        "what is center?": "nothing.",
        "is there a red star?": "yes.",
        "is the red star above the ring?": "yes.",
        "is the ring left of the red star?": "no.",
        "are there more stars than rings?": "yes.",
    }
    assert {question: {answer} for question, answer in expected.items()}.items() <= found.items()


def test_questions_about_layers():
    inside, front = answers(*STAR_IN_SQUARE), answers(*HEART_ON_CIRCLE)
    assert inside["what is inside the square?"] == {"small plain red star."}
    assert inside["what is around the star?"] == {"large plain blue square."}
    assert front["what is in front of the circle?"] == {"medium plain pink heart."}
    assert front["what is behind the heart?"] == {"large plain green circle."}


def test_random_scenes_and_empty_ones_can_be_asked_about():
    generator = rng(1)
    for _ in range(60):
        assert len(questions(random_scene(generator), generator)) >= 6
    assert ("what is in the picture?", "Seen: nothing, sky.") in questions(scene(), generator)
