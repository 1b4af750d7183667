import pytest

from irg.world2.families import Family
from irg.world2.parsing import parse
from irg.world2.request import CountOrder, Group, Request
from irg.world2.sampling import sample_challenge, sample_request
from irg.world2.wording import forms, group_text, is_wording, kind_text, phrase
from tests.world2.builders import asked, kind, rng


@pytest.mark.parametrize("family", Family)
def test_every_wording_reads_back(family):
    generator = rng()
    for _ in range(60):
        request = sample_request(generator, family)
        assert parse(phrase(request)) == request
        assert parse(phrase(request, generator)) == request


def test_every_wording_of_a_challenge_reads_back():
    generator = rng(1)
    for _ in range(60):
        request = sample_challenge(generator)
        assert parse(phrase(request, generator)) == request


@pytest.mark.parametrize(
    "text",
    [
        "two red stars left of a blue ring",
        "a star and a ring, the ring above the star",
        "three objects, nothing striped and no rings",
        "a cross and more red stars than blue stars",
        "as many moons as rings",
        "a small dotted ring".replace("small", "large"),
    ],
)
def test_canonical_wordings(text):
    assert phrase(asked(text)) == text


def test_phrase_says_all_that_its_forms_allow():
    """Each option of each choice of the forms is drawn sooner or later."""
    request, generator = asked("an orange star inside a large square and nothing red"), rng(2)
    texts = {phrase(request, generator) for _ in range(4000)}
    for form in forms(request):
        for choice in form:
            assert all(
                any(option in text or option.strip() in text.lower() for text in texts)
                for option in choice.options
            )
    assert any(text.endswith(".") for text in texts) and any(text[0].isupper() for text in texts)


def test_what_is_a_wording():
    request = asked("two stars")
    assert is_wording("Draw 2 stars.", request)
    assert not is_wording("two stars and", request)
    assert not is_wording("TWO STARS", request)


def test_kinds_and_groups_in_words():
    assert kind_text(kind("small striped red cross"), plural=True) == "small striped red crosses"
    assert group_text(Group(1, kind("orange"))) == "an orange object"
    assert (
        group_text(
            Request((Group(None, kind("star")), Group(None, kind("ring"))), (), CountOrder.MORE).groups[0]
        )
        == "stars"
    )
