"""Templates: filled without a word of what is filled in being read, and known by every word of their own."""

from dataclasses import replace

import pytest

from irg.core.digest import digest_of
from irg.endpoint.templates import Template, parse_templates

KNOWN = {"ask": frozenset({"words", "thing"}), "tell": frozenset()}
ASK = Template("ask", 3, "Look at {thing}.", "Is {words} a {{word}}?", KNOWN["ask"])


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


def test_templates_come_from_yaml() -> None:
    text = """
tell: {version: 1, system: "", user: "Tell {{all}}."}
ask: {version: 3, system: "Look at {thing}.", user: "Is {words} a {{word}}?"}
"""
    found = parse_templates(text, "here", KNOWN)
    assert list(found) == ["tell", "ask"] and found["ask"] == ASK and found["ask"].fields == KNOWN["ask"]
    assert found["tell"].fill({}) == ("", "Tell {all}.")
    assert parse_templates("{}", "here", KNOWN) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- ask", "here holds list, expected templates by name"),
        ("", "here holds NoneType, expected templates by name"),
        (
            'look: {version: 1, system: "", user: ""}',
            "here: template 'look' is not known, expected one of ask, tell",
        ),
        ("ask: words", "here: template ask: Input should be a valid dictionary or instance of _Words"),
        ('ask: {version: true, system: "", user: ""}', "here: template ask: version: True: Input should be"),
        ('ask: {version: 1, user: ""}', "here: template ask: system: Field required"),
        (
            'tell: {version: 1, system: "{words}", user: "{it}"}',
            "here: template tell asks for it, words, expect",
        ),
        ('ask: {version: 1, system: "", user: "{"}', "here: template ask: Single '{' encountered"),
        (
            'ask: {version: 1, system: "", user: "{}"}',
            "here: template ask asks for , expected of thing, words",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_templates(text, "here", KNOWN)
    assert str(caught.value).startswith(problem)
