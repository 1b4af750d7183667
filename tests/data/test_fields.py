from collections.abc import Callable
from typing import Any

import pytest

from irg.data.fields import Fields, load_json, shown
from irg.data.source import Fault, RowError, RowPlace

PLACE = RowPlace("file", 3)
BEYOND = f"x is {1 << 63}, expected a whole number of 64 bits"
SURROGATE = "x is no valid Unicode: surrogates not allowed"
Get = Callable[[Fields], Any]


def fields(**values: Any) -> Fields:
    return Fields(PLACE, values)


def fault_of(get: Get, **values: Any) -> tuple[Fault, str]:
    with pytest.raises(RowError) as failure:
        get(fields(**values))
    assert (failure.value.file, failure.value.row) == PLACE
    return failure.value.reason, failure.value.detail


def test_values_are_given_as_what_they_are() -> None:
    row = fields(a="x", b=True, c=7, d=7.0, e=0.5, f=b"\0", g=[1], h={"i": "y"}, j='{"k": [1]}')
    assert (row.text("a"), row.words("a"), row.flag("b", False), row.data("f")) == ("x", "x", True, b"\0")
    assert row.integer("c") == row.integer("d") == 7 and type(row.integer("d")) is int
    assert row.number("e") == 0.5 and row.number("c") == 7.0 and type(row.number("c")) is float
    assert row.items("g") == [1] and row.fields("h").text("i") == "y" and row.json_object("j") == {"k": [1]}


def test_what_others_write_in_their_way_is_the_same() -> None:
    row = fields(a=1, b=0, c="größer".encode())
    assert row.flag("a", False) is True and row.flag("b", True) is False and row.text("c") == "größer"


def test_defaults_stand_for_what_is_absent_or_null_and_for_nothing_else() -> None:
    row = fields(null=None, zero=0, no=False, empty="", nothing=[])
    for name in ("null", "absent"):
        assert not row.has(name)
        assert (row.text(name, "d"), row.integer(name, 4), row.flag(name, True)) == ("d", 4, True)
        assert (row.items(name, [1]), row.each(name, []), row.json_object(name)) == ([1], [], {})
    assert row.has("zero") and row.integer("zero", 4) == 0
    assert row.flag("no", True) is False and row.text("empty", "d") == "" and row.items("nothing", [1]) == []


@pytest.mark.parametrize(
    ("get", "value", "reason", "detail"),
    [
        (lambda row: row.text("x"), 7, Fault.WRONG_TYPE, "x is 7, expected text"),
        (lambda row: row.text("x"), "\ud800", Fault.WRONG_TYPE, SURROGATE),
        (lambda row: row.words("x"), " \n", Fault.EMPTY_TEXT, "x is empty"),
        (lambda row: row.flag("x", True), 2, Fault.WRONG_TYPE, "x is 2, expected true or false"),
        (lambda row: row.text("x"), b"\xff", Fault.WRONG_TYPE, "x is no valid Unicode: invalid start byte"),
        (lambda row: row.integer("x"), True, Fault.WRONG_TYPE, "x is True, expected a whole number"),
        (lambda row: row.integer("x"), 7.5, Fault.WRONG_TYPE, "x is 7.5, expected a whole number of 64 bits"),
        (lambda row: row.integer("x"), 1 << 63, Fault.WRONG_TYPE, BEYOND),
        (lambda row: row.integer("x"), float("inf"), Fault.NOT_A_NUMBER, "x is inf, expected a whole number"),
        (lambda row: row.number("x"), False, Fault.WRONG_TYPE, "x is False, expected a number"),
        (lambda row: row.number("x"), float("nan"), Fault.NOT_A_NUMBER, "x is nan, expected a number"),
        (lambda row: row.data("x"), "text", Fault.WRONG_TYPE, "x is 'text', expected binary data"),
        (lambda row: row.items("x"), "text", Fault.WRONG_TYPE, "x is 'text', expected a list"),
        (lambda row: row.fields("x"), [], Fault.WRONG_TYPE, "x is [], expected a structure"),
        (lambda row: row.each("x"), [{}, 1], Fault.WRONG_TYPE, "x[1] is 1, expected a structure"),
        (lambda row: row.json_object("x"), "[1]", Fault.WRONG_TYPE, "x is [1], expected a JSON object"),
        (lambda row: row.json_object("x"), '{"a": -Infinity}', Fault.NOT_A_NUMBER, "x holds -Infinity"),
        (lambda row: row.json_object("x"), '{"a": 1e999}', Fault.NOT_A_NUMBER, "x holds 1e999"),
        (lambda row: row.text("x"), None, Fault.MISSING_COLUMN, "x is null"),
        (lambda row: row.text("y"), "text", Fault.MISSING_COLUMN, "y is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(get: Get, value: Any, reason: Fault, detail: str) -> None:
    assert fault_of(get, x=value) == (reason, detail)


def test_a_value_within_another_has_its_whole_path() -> None:
    def get(row: Fields) -> str:
        return row.each("turns")[1].fields("verdict").text("why")

    turns = [{}, {"verdict": {"why": 3}}]
    assert fault_of(get, turns=turns) == (Fault.WRONG_TYPE, "turns[1].verdict.why is 3, expected text")
    inner = Fields(PLACE, {"a": "{"}, within="turns[1]")
    with pytest.raises(RowError, match=r"row 3: bad JSON: turns\[1\]\.a is no JSON: "):
        inner.json_object("a")


def test_json_too_deep_for_the_parser_is_bad_json() -> None:
    with pytest.raises(RowError) as failure:
        load_json("[" * 100_000, PLACE, "it")
    assert failure.value.reason is Fault.BAD_JSON
    assert load_json('[1, null, "NaN"]', PLACE, "it") == [1, None, "NaN"]


def test_values_are_shown_short() -> None:
    assert shown("x" * 38) == repr("x" * 38)
    assert shown("x" * 39) == "'" + "x" * 36 + "..." and len(shown("x" * 39)) == 40
