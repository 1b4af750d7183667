import pytest

from irg.world2.families import Family, infer_family
from tests.world2.builders import asked


@pytest.mark.parametrize(
    ("prompt", "family"),
    [
        ("a star", Family.SINGLE),
        ("a big star", Family.SINGLE),
        ("a circle and a star", Family.TWO),
        ("3 hearts", Family.COUNTING),
        ("a red heart", Family.COLORS),
        ("a circle beneath a star", Family.POSITION),
        ("a red star and a blue star", Family.ATTRIBUTION),
        ("a striped star", Family.TEXTURE),
        ("a dotted red star and a striped ring", Family.TEXTURE),
        ("a star inside a red square", Family.OVERLAP),
        ("a heart behind a cross", Family.OVERLAP),
        ("as many stars as rings", Family.COMPARISON),
        ("three objects, nothing red", Family.NEGATION),
        ("two stars and a ring without moons", Family.NEGATION),
        ("a ring and more stars than moons", Family.COMPOUND),
        ("two large red stars", Family.COMPOUND),
        ("two red stars and a ring", Family.COMPOUND),
        ("a small star inside a square", Family.COMPOUND),
        ("a star above a ring, nothing red", Family.COMPOUND),
    ],
)
def test_families_are_inferred(prompt, family):
    assert infer_family(asked(prompt)) is family
