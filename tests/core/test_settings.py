"""Settings: strict, frozen, changed only where something is given, and errors that help."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from irg.core.settings import BaseSettings, checked, faults_of, shown


class Brush(BaseSettings):
    width: int = Field(1, ge=1)
    pressure: float = 0.5
    colour: str = "black"


class Key(BaseSettings):
    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field("A", pattern="^[A-Z]+$")


class Oil(BaseSettings):
    by: Literal["oil"]
    layers: int


class Pencil(BaseSettings):
    by: Literal["pencil"]
    hardness: int = Field(2, le=9)
    pencil: str = "mine"
    """Called like the tag."""


Technique = Annotated[Oil | Pencil, Field(discriminator="by")]


@dataclass(frozen=True)
class Size:
    """Not settings by itself: one of the domain's own types."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    width: int
    height: int


class Picture(BaseSettings):
    title: str = "none"
    brush: Brush = Brush(width=3, colour="red")
    spare: tuple[Brush, ...] = ()
    technique: Technique | None = None
    main: Technique = Pencil(by="pencil", hardness=2)
    others: tuple[Technique, ...] = ()
    named: dict[str, Technique] = Field(default_factory=dict)
    keys: dict[str, Key] = Field(default_factory=dict)
    first: int = 0
    last: int = 9
    size: Size = Size(1, 1)
    changes: dict[str, Any] = Field(default_factory=dict)

    @field_validator("changes")
    @classmethod
    def _fit(cls, given: dict[str, Any]) -> dict[str, Any]:
        Brush().changed_by(given)
        return given

    @model_validator(mode="after")
    def _ordered(self) -> "Picture":
        if self.first > self.last:
            raise ValueError(f"first {self.first}: expected at most last, {self.last}")
        return self


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Picture().title = "another"  # type: ignore[misc]


def test_only_what_is_given_changes() -> None:
    mine = Picture(title="mine", brush=Brush(width=5, colour="blue"), first=2, size=Size(3, 4))
    changed = mine.changed_by({"brush": {"colour": "green"}, "last": 8, "size": {"width": 9}})
    green = Brush(width=5, colour="green")
    assert changed == Picture(title="mine", brush=green, first=2, last=8, size=Size(9, 4))
    assert mine.changed_by({}) == mine
    assert mine.brush.colour == "blue"


def test_what_is_given_as_none_or_of_another_kind_replaces() -> None:
    mine = Picture(technique=Oil(by="oil", layers=3), spare=(Brush(), Brush()))
    assert mine.changed_by({"spare": [{"width": 2}]}).spare == (Brush(width=2),)
    assert mine.changed_by({"technique": None}).technique is None
    assert mine.changed_by({"technique": {"layers": 4}}).technique == Oil(by="oil", layers=4)


def test_settings_that_do_not_fit_together_any_more_are_refused() -> None:
    with pytest.raises(ValueError, match="first 5: expected at most last, 3"):
        Picture(first=0, last=3).changed_by({"first": 5})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"titel": "x"}, "x: titel: there is no such setting; did you mean title?"),
        ({"brush": {"colours": "x"}}, "x: brush.colours: there is no such setting; did you mean colour?"),
        ({"brush": {"pressure": math.inf}}, "x: brush.pressure: inf: Input should be a finite number"),
        ({"brush": {"pressure": math.nan}}, "x: brush.pressure: nan: Input should be a finite number"),
        ({"zzz": 1}, "x: zzz: there is no such setting"),
        ({"brush": {"width": 0}}, "x: brush.width: 0: Input should be greater than or equal to 1"),
        ({"spare": [{}, {"width": "wide"}]}, "x: spare.1.width: 'wide': Input should be a valid integer"),
        ({"technique": {"by": "oil"}}, "x: technique.layers: Field required"),
        (
            {"technique": {"by": "pencil", "hardness": 10}},
            "x: technique.hardness: 10: Input should be less than or equal to 9",
        ),
        (
            {"technique": {"by": "pencil", "hardnes": 1}},
            "x: technique.hardnes: there is no such setting; did you mean hardness?",
        ),
        (
            {"main": {"by": "pencil", "pencil": "x", "hardness": 10}},
            "x: main.hardness: 10: Input should be less than or equal to 9",
        ),
        (
            {"main": {"by": "pencil", "pencil": "x", "hardnes": 1}},
            "x: main.hardnes: there is no such setting; did you mean hardness?",
        ),
        ({"main": {"by": "pencil", "pencil": 5}}, "x: main.pencil: 5: Input should be a valid string"),
        (
            {"technique": {"by": "pencil", "pencil": "x", "hardness": 10}},
            "x: technique.hardness: 10: Input should be less than or equal to 9",
        ),
        (
            {"others": [{"by": "pencil", "pencil": "x", "hardnes": 1}]},
            "x: others.0.hardnes: there is no such setting; did you mean hardness?",
        ),
        (
            {"named": {"pencil": {"by": "pencil", "pencil": "x", "hardness": "soft"}}},
            "x: named.pencil.hardness: 'soft': Input should be a valid integer",
        ),
        ({"technique": {"by": "ink"}}, "x: technique: Input tag 'ink' found using 'by' does not match"),
        ({"first": 10}, "x: first 10: expected at most last, 9"),
        ({"first": "a", "last": "b"}, "; last: 'b': Input should be a valid integer"),
        ({"title": ["a" * 1000]}, "x: title: ['aaaaaaa"),
        ({"size": {"width": 1}}, "x: size.height: Field required"),
        (
            {"size": {"width": 1, "height": 1, "widht": 2}},
            "x: size.widht: there is no such setting; did you mean width?",
        ),
        ({"changes": {"width": 0}}, "x: changes.width: 0: Input should be greater than or equal to 1"),
        ({"changes": {"size": 1}}, "x: changes.size: there is no such setting"),
        ([], "x: Input should be a valid dictionary"),
    ],
)
def test_errors_say_file_place_value_and_expectation(content: Any, told: str) -> None:
    with pytest.raises(ValueError) as refused:
        checked(Picture, content, "x")
    assert told in str(refused.value) and len(str(refused.value)) < 300
    assert "\n" not in str(refused.value) and "pydantic" not in str(refused.value)


def test_values_that_may_be_secrets_are_not_repeated() -> None:
    for content in ({"keys": {"mine": {"name": "sk-123"}}}, {"keys": {"mine": "sk-123"}}):
        with pytest.raises(ValueError, match=r"^x: keys\.mine") as refused:
            checked(Picture, content, "x")
        assert "sk-123" not in str(refused.value)


def test_of_many_errors_ten_are_told() -> None:
    with pytest.raises(ValueError, match=r"k9: there is no such setting; and 90 more$"):
        checked(Picture, {f"k{number}": 1 for number in range(100)}, "x")


def test_long_values_are_cut() -> None:
    assert shown("ab") == "'ab'"
    assert len(shown("a" * 78)) == 80 and shown("a" * 78).endswith("a'")
    assert len(shown("a" * 79)) == 80 and shown("a" * 79).endswith("a...")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"pressure": 1e39}, "pressure: 1e+39: expected a number of at most 3.40e+38"),
        ({"pressure": -1e39}, "pressure: -1e+39: expected a number of at most 3.40e+38"),
        ({"width": 1 << 63}, f"width: {1 << 63}: expected a whole number of at most {(1 << 63) - 1}"),
    ],
)
def test_numbers_that_no_tensor_holds_are_told(content: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as wrong:
        checked(Brush, content, "it")
    assert str(wrong.value) == f"it: {said}"
    checked(Brush, {"pressure": 3.4e38, "width": (1 << 63) - 1}, "it")


def test_of_a_line_that_is_no_settings_all_faults_stand_on_one() -> None:
    lines = TypeAdapter(tuple[int, str])
    for line, said in (
        ('["x", "a"]', "0: 'x': Input should be a valid integer"),
        ("[1]", "1: Field required"),
        ("[1", "Invalid JSON: EOF"),
    ):
        with pytest.raises(ValidationError) as wrong:
            lines.validate_json(line)
        assert faults_of(wrong.value).startswith(said) and "\n" not in faults_of(wrong.value)
