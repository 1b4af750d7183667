"""YAML from anywhere: what is refused, and that nothing else can happen."""

from time import process_time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from irg.core.yaml_file import MOST_CHARACTERS, MOST_LEVELS, MOST_VALUES, lines_of, parse_yaml

LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]\n" for number in range(1, 30)
)
MERGES = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{number}: &a{number} {{<<: [{', '.join([f'*a{number - 1}'] * 9)}]}}\n" for number in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: !!python/object/apply:os.system [ls]", r"x has a tag tag:yaml.org,2002:python.* \(line 1\)"),
        ("a: 1\nb: !!int many", r"x has a tag tag:yaml.org,2002:int \(line 2\)"),
        ("!new {}", r"x has a tag !new"),
        ("a: ! 1", r"x has a tag !"),
        ("[" * 100_000, r"x is nested too deep \(line 1\): expected at most 50 levels"),
        ("{a: " * 60 + "1" + "}" * 60, "x is nested too deep"),
        ("\n".join(f"{' ' * depth}a:" for depth in range(60)) + " 1", r"x is nested too deep \(line 51\)"),
        ("- " * 60 + "1", "x is nested too deep"),
        (LAUGHS, r"x has too many values \(line 5\)"),
        (MERGES, r"x has too many values \(line 5\)"),
        ("&a [*a]", r"x has an alias \*a inside of what it names \(line 1\)"),
        ("a: &a {b: {c: *a}}", r"x has an alias \*a inside of what it names"),
        ("a: *nothing", "x is not valid YAML: .*undefined alias"),
        ("a: " + "1" * 5000, "x has a number of 5,000 characters"),
        ("a: 1" + ":1" * 5000, "x has a number of 10,001 characters"),
        ("a: 0x" + "f" * 5000, "x has a number of"),
        ("a: 2024-13-45", "x is not valid YAML: month must be in 1..12"),
        ("a: 0x_", "x is not valid YAML"),
        ("a: 1\n---\nb: 2", "x is not valid YAML"),
        ("? [1]\n: 2", "x is not valid YAML.*unhashable"),
        ("a: \x00", "x is not valid YAML"),
        ("- 1\n" * 65_000, "x has too many values"),
        ("a" * (MOST_CHARACTERS + 1), "x is too long: expected at most 262,144 characters"),
    ],
    ids=lambda _: "",  # pytest numbers them; the texts themselves are no names
)
def test_what_no_settings_need_is_refused_at_once(text: str, told: str) -> None:
    began = process_time()
    with pytest.raises(ValueError, match=f"(?s)^{told}") as refused:
        parse_yaml(text, "x")
    assert process_time() - began < 3 and len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "[" * MOST_LEVELS + "]" * MOST_LEVELS,
        "- 1\n" * (MOST_VALUES - 1),
        "a: &a [1, 2]\nb: *a\nc: {<<: {x: *a}}",
        "a: " + "1" * 64,
        "a: '" + "1" * 5000 + "'",
        "a: 2024-01-02",
        "a: 190:20:30",
        "",
    ],
    ids=lambda _: "",
)
def test_what_is_within_bounds_is_what_yaml_says(text: str) -> None:
    assert parse_yaml(text, "x") == yaml.safe_load(text)


def size(content: Any) -> int:
    """Values in a content, with what is shared counted wherever it stands."""
    if isinstance(content, dict):
        return 1 + sum(size(key) + size(value) for key, value in content.items())
    return 1 + sum(map(size, content)) if isinstance(content, list) else 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
PIECES = [
    "a",
    "b",
    ": ",
    ", ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "\n",
    " ",
    "&a ",
    "*a",
    "&b ",
    "*b",
    "!!int ",
    "!x ",
]
PIECES += [
    "<<",
    "? ",
    "|",
    ">",
    "'",
    '"',
    "#",
    "1",
    "0x",
    "1:1",
    ".5",
    "2024-01-99",
    "~",
    "%",
    "---",
    "\t",
    "=",
]


@settings(max_examples=50)
@given(VALUES)
@example({"a": [1.5, None, True, "yes", "1", ""]})
def test_settings_that_were_written_are_read_as_yaml_reads_them(content: Any) -> None:
    text = yaml.safe_dump(content, allow_unicode=True)
    assert parse_yaml(text, "x") == yaml.safe_load(text)


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=200))
def test_any_text_is_content_or_an_error_with_a_name(text: str) -> None:
    try:
        content = parse_yaml(text, "x")
    except ValueError as refused:
        assert str(refused).startswith("x ")
    else:
        assert size(content) <= MOST_VALUES


@pytest.mark.parametrize("aliases", [97, 98, 99, 100])
def test_what_aliases_repeat_counts_wherever_it_stands(aliases: int) -> None:
    text = f"a: &a [{', '.join('0' * 99)}]\nb: [{', '.join(['*a'] * aliases)}]"
    whole = size(yaml.safe_load(text))
    assert whole == 5 + 99 + 100 * aliases
    if whole <= MOST_VALUES:
        assert parse_yaml(text, "x") == yaml.safe_load(text)
    else:
        with pytest.raises(ValueError, match="x has too many values"):
            parse_yaml(text, "x")


def test_lines_of_keys_and_items_are_known() -> None:
    text = "a: 1\nb:\n- {c: 2}\n- d: 3\n  e: &x [4,\n    5]\nf: *x\n"
    lines = lines_of(text)
    assert [lines[place] for place in (("a",), ("b",), ("b", 0, "c"), ("b", 1, "e"))] == [1, 2, 3, 5]
    assert lines["b", 1, "e", 1] == 6 and lines[("f",)] == 7
    assert lines_of("") == {}
