from typing import Any

import pytest

from irg.pipeline.plans.steps import Meaning, WriteStep
from irg.pipeline.plans.texts import means, read_text


def step(**values: Any) -> WriteStep:
    return WriteStep.model_validate({"write": "T", "reads": ["prompt"], **values})


@pytest.mark.parametrize(
    ("take", "text", "taken"),
    [
        ({"after": "</t>"}, "a</t>b</t> c ", "c"),
        ({"between": ["<a>", "</a>"]}, "x<a> y </a>z</a>", "y"),
        ({"line": "[E] "}, "[E] one\n[E] two \nthree [E] four", "two"),
        (None, " all of it ", " all of it "),
    ],
)
def test_a_part_of_a_text_is_taken(take: Any, text: str, taken: str) -> None:
    read = read_text(step(take=take), text, "p", 1)
    assert (read.whole, read.taken, read.fault) == (text, taken, None)


@pytest.mark.parametrize("take", [{"after": "</t>"}, {"between": ["<a>", "</a>"]}, {"line": "[E]"}])
def test_what_cannot_be_taken_is_a_fault_and_the_text_stands_for_itself(take: Any) -> None:
    read = read_text(step(take=take), "<a>", "p", 1)
    assert read.taken == "<a>" and read.fault == "what is to be taken of it is not there"


def test_a_text_ends_before_its_mark() -> None:
    assert read_text(step(until="STOP"), "go STOP on", "p", 1).whole == "go "


def test_what_a_text_must_have_is_named() -> None:
    assert read_text(step(must=["a+", "b"]), "aa", "p", 1).fault == "it lacks b"


def test_a_template_rewrites_a_text_by_its_fields() -> None:
    rewriting = step(fields={"n": r"n=(\d+)", "gone": "(x)y"}, canonical="{round}: {n}{gone} of {prompt}")
    assert read_text(rewriting, "n=12", "{n}", 3).canonical == "3: 12 of {n}"


@pytest.mark.parametrize(
    ("meaning", "text", "holds"),
    [
        ({"contains": ["a", "b"]}, "xb", True),
        ({"contains": ["a"]}, "A", False),
        ({"lacks": ["a", "b"]}, "c", True),
        ({"lacks": ["a", "b"]}, "b", False),
        ({"matches": "(?i)^a"}, "Ab", True),
        ({"contains": ["z"], "matches": "b"}, "b", True),
        ({"right": True}, "Nothing is wrong.", True),
    ],
)
def test_any_part_of_a_meaning_is_enough(meaning: Any, text: str, holds: bool) -> None:
    assert means(Meaning.model_validate(meaning), text, None) is holds
