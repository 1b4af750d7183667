"""Questions, editing instructions, and the vocabulary of all texts."""

import numpy as np

from irg.world.grammar import random_scene
from irg.world.lessons import VOCABULARY_TEXTS, questions, sample_edit
from irg.world.scene import Background, Colour, Scene, SceneObject, Shape, Size, Zone, is_held_out

RED_CIRCLE = SceneObject(Shape.CIRCLE, Colour.RED, Size.LARGE, Zone.TOP_LEFT)
BLUE_STAR = SceneObject(Shape.STAR, Colour.BLUE, Size.SMALL, Zone.RIGHT)
TARGET = Scene((RED_CIRCLE, BLUE_STAR), Background.CREAM)
THOUGHT = "A large red circle top-left, a small blue star right, on cream."


def test_questions_are_answered():
    asked = {}
    for seed in range(60):
        asked |= dict(questions(TARGET, np.random.default_rng(seed)))
    expected = {
        "What is in the picture?": THOUGHT,
        "How many circles are there?": "One.",
        "How many hearts are there?": "None.",
        "What color is the star?": "Blue.",
        "Where is the red circle?": "Top-left.",
        "What is top-left?": "A large red circle.",
        "What is bottom?": "Nothing.",
        "Is there a blue star?": "Yes.",
    }
    assert expected.items() <= asked.items()
    assert asked[next(question for question in asked if question.startswith("Is there an orange"))] == "No."


def test_edits_change_one_thing_and_keep_the_rest_in_place():
    rng = np.random.default_rng(1)
    verbs = set()
    for _ in range(150):
        before = random_scene(rng)
        instruction, after = sample_edit(before, rng)
        verbs.add(instruction.split()[0])
        changed = set(before.objects) ^ set(after.objects)
        assert len({thing.zone for thing in changed}) == 1
        assert next(iter(changed)).zone in instruction.split()
        assert not is_held_out(after)
    assert verbs == {"add", "remove", "turn", "make"}


def test_the_vocabulary_is_closed_and_the_texts_repeatable():
    texts = list(VOCABULARY_TEXTS(np.random.default_rng(0), 500))
    assert len(texts) == 500
    assert texts == list(VOCABULARY_TEXTS(np.random.default_rng(0), 500))
    assert len({word.strip(".,:?").lower() for text in texts for word in text.split()}) < 130
