"""Typed access to values that somebody else wrote: what is wrong with one is named, with its row."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from irg.core.files import finite_json
from irg.data.source import Fault, RowError, RowPlace


@dataclass(frozen=True)
class Fields:
    """The values of a row, or of a structure `within` it, by name.

    Every getter raises RowError: MISSING_COLUMN for an absent or null value, NOT_A_NUMBER for NaN and
    infinity, WRONG_TYPE for anything else that was not asked for.
    """

    place: RowPlace
    values: Mapping[str, Any]
    within: str = ""

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """A string that can be written as UTF-8, or the bytes of one, as which some tables keep texts."""
        value = self._get(name, str | bytes, "text", default)
        try:
            value = value.decode() if isinstance(value, bytes) else value
            value.encode()
        except (UnicodeEncodeError, UnicodeDecodeError) as broken:
            raise self.error(Fault.WRONG_TYPE, name, f"is no valid Unicode: {broken.reason}") from broken
        return value

    def words(self, name: str) -> str:
        """A string that says something."""
        value = self.text(name)
        if not value.strip():
            raise self.error(Fault.EMPTY_TEXT, name, "is empty")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """True or false, or 1 or 0, as which some write them."""
        value = self.values.get(name)
        return bool(value) if value in (0, 1) else self._get(name, bool, "true or false", default)

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number that 64 bits hold; floats that are one count, since tables with gaps make floats of
        integers."""
        value = self._get(name, int | float, "a whole number", default)
        if value != int(value) or not -(1 << 63) <= value < 1 << 63:
            raise self._wrong(name, value, "a whole number of 64 bits")
        return int(value)

    def number(self, name: str) -> float:
        return float(self._get(name, int | float, "a number"))

    def data(self, name: str) -> bytes:
        return self._get(name, bytes, "binary data")

    def items(self, name: str, default: list[Any] | None = None) -> list[Any]:
        return self._get(name, list, "a list", default)

    def fields(self, name: str) -> "Fields":
        """A structure inside this one."""
        return Fields(self.place, self._get(name, dict, "a structure"), self._path(name))

    def each(self, name: str, default: list[Any] | None = None) -> list["Fields"]:
        """A list of structures."""
        found: list[Fields] = []
        for index, value in enumerate(self.items(name, default)):
            if not isinstance(value, dict):
                raise self._wrong(f"{name}[{index}]", value, "a structure")
            found.append(Fields(self.place, value, self._path(f"{name}[{index}]")))
        return found

    def json_object(self, name: str) -> dict[str, Any]:
        """A string that holds a JSON object; an absent one holds an empty one."""
        content = load_json(self.text(name, "{}"), self.place, self._path(name))
        if not isinstance(content, dict):
            raise self._wrong(name, content, "a JSON object")
        return content

    def error(self, reason: Fault, name: str, problem: str) -> RowError:
        return self.place.error(reason, f"{self._path(name)} {problem}")

    def _get(self, name: str, kind: Any, expected: str, default: Any = None) -> Any:
        value = self.values.get(name)
        if value is None:
            if default is not None:
                return default
            problem = "is null" if name in self.values else "is missing"
            raise self.error(Fault.MISSING_COLUMN, name, problem)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error(Fault.NOT_A_NUMBER, name, f"is {value}, expected {expected}")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self._wrong(name, value, expected)
        return value

    def _path(self, name: str) -> str:
        return f"{self.within}.{name}" if self.within else name

    def _wrong(self, name: str, value: Any, expected: str) -> RowError:
        return self.error(Fault.WRONG_TYPE, name, f"is {shown(value)}, expected {expected}")


def load_json(text: str, place: RowPlace, what: str) -> Any:
    """Parse JSON; NaN and infinities, which Python would let pass, are errors too."""

    def refuse(constant: str) -> NoReturn:
        raise place.error(Fault.NOT_A_NUMBER, f"{what} holds {constant}")

    try:
        return finite_json(text, refuse)
    except RowError:
        raise
    except (ValueError, RecursionError) as broken:
        raise place.error(Fault.BAD_JSON, f"{what} is no JSON: {broken}") from broken


def shown(value: Any) -> str:
    """A value for an error message: short, whatever it is."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
