import ast
import sys
from pathlib import Path

from irg import world2
from irg.world2.grammar import handwritten_prompts
from irg.world2.vocabulary import vocabulary, vocabulary_lessons, words_in
from tests.world2.builders import rng


def test_all_texts_are_made_of_the_world_s_words():
    known = set(vocabulary())
    said = {word for text in vocabulary_lessons(rng(1), 1500) for word in words_in(text)}
    said |= {word for text in handwritten_prompts() for word in words_in(text)}
    assert said <= known
    assert len(known - said) < 25 and len(known) < 180


def test_lessons_are_as_many_as_asked_for():
    assert len(list(vocabulary_lessons(rng(), 37))) == 37


def test_the_world_needs_numpy_and_nothing_else():
    for path in Path(world2.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                room, _, inner = (name or "").partition(".")
                assert room != "irg" or inner.split(".")[0] == "world2", (path, name)
                assert room in {"irg", "numpy", *sys.stdlib_module_names}, (path, name)
