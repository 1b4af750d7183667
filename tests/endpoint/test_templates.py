"""Templates: filled without a word of what is filled in being read, and known by every word of their own."""

from dataclasses import replace

import pytest

from irg.core.digest import digest_of
from irg.endpoint.templates import Template, parse_templates

ASK = Template("ask", 3, "Look at {thing}.", "Is {words} a {{word}}?", frozenset({"words", "thing"}))
TELL = Template("tell", 1, "", "Tell {{all}}.", frozenset())
KNOWN = {"ask": ASK, "tell": TELL}


def test_a_template_is_filled_once() -> None:
    filled = ASK.fill({"words": "{thing} }{", "thing": "it"})
    assert filled == ("Look at it.", "Is {thing} }{ a {word}?")


@pytest.mark.parametrize("fields", [{"words": "a"}, {"words": "a", "thing": "b", "more": "c"}])
def test_a_template_takes_its_fields_and_no_others(fields: dict[str, object]) -> None:
    with pytest.raises(AssertionError, match=r"ask takes \['thing', 'words'\]"):
        ASK.fill(fields)


def test_a_digest_changes_with_every_word() -> None:
    others = [
        replace(ASK, **{name: value})
        for name, value in {"name": "tell", "version": 4, "system": "", "user": "Is {words}?"}.items()
    ]
    assert len({one.digest for one in (ASK, *others)}) == 5
    assert (
        replace(ASK, fields=frozenset({"words"})).digest
        == ASK.digest
        == digest_of("ask", 3, ASK.system, ASK.user)
    )
    assert ASK.label == f"ask@3-{ASK.digest[:12]}"


def test_templates_come_from_yaml_with_the_fields_that_their_words_ask_for() -> None:
    text = """
tell: {version: 1, system: "", user: "Tell {{all}}."}
ask: {version: 3, system: "Look at {thing}.", user: "Is {words} a {{word}}?"}
"""
    found = parse_templates(text, "here")
    assert list(found) == ["tell", "ask"] and found == KNOWN
    assert [one.fields for one in found.values()] == [frozenset(), {"words", "thing"}]
    assert found["tell"].fill({}) == ("", "Tell {all}.")
    assert parse_templates("{}", "here") == {}


def test_a_template_that_takes_the_place_of_one_is_filled_with_the_same() -> None:
    mine = parse_templates('ask: {version: 9, system: "", user: "{words}?"}', "here", KNOWN)["ask"]
    assert mine.fields == ASK.fields and (mine.version, mine.system) == (9, "")
    assert mine.fill({"words": "so", "thing": "it"}) == ("", "so?")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- ask", "here holds list, expected templates by name"),
        ("", "here holds NoneType, expected templates by name"),
        ("ask: words", "here: template ask: Input should be a valid dictionary or instance of _Words"),
        ('ask: {version: true, system: "", user: ""}', "here: template ask: version: True: Input should be"),
        ('ask: {version: 1, user: ""}', "here: template ask: system: Field required"),
        ('ask: {version: 1, system: "", user: "{"}', "here: template ask: Single '{' encountered"),
    ],
)
def test_what_is_no_template_is_named(text: str, problem: str) -> None:
    for known in (None, KNOWN):
        with pytest.raises(ValueError) as caught:
            parse_templates(text, "here", known)
        assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'look: {version: 1, system: "", user: ""}',
            "here: template 'look' is not known, expected one of ask, tell",
        ),
        (
            'ask: {version: 1, system: "{it}", user: "{words} {all}"}',
            "here: template ask asks for all, it, expected of thing, words",
        ),
    ],
)
def test_what_takes_no_templates_place_is_named(text: str, problem: str) -> None:
    assert parse_templates(text, "here")
    with pytest.raises(ValueError) as caught:
        parse_templates(text, "here", KNOWN)
    assert str(caught.value) == problem
