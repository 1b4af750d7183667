"""Settings: what a user says in a file. They are frozen, and a key that nobody reads is an error."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

_MOST_FAULTS = 10
_LONGEST = 80
"""Characters of a value that a message repeats."""

Location = tuple[int | str, ...]
"""A place as pydantic tells it."""


class BaseSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def changed_by(self, other: Self) -> Self:
        """These settings, with those that were given in `other`, and are not merely its defaults."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        for name in other.model_fields_set:
            old, new = values[name], getattr(other, name)
            both = isinstance(new, BaseSettings) and type(old) is type(new)
            values[name] = old.changed_by(new) if both else new
        return type(self).model_validate(values)


Checked = TypeVar("Checked", bound=BaseSettings)


def checked(model: type[Checked], content: Any, name: str) -> Checked:
    """Settings from the content of a file; `name` says in errors which.

    Raises ValueError with all that is wrong: where it stands, the value, and what is expected.
    """
    try:
        return model.model_validate(content)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False)
        faults = [_fault(error, model, content) for error in errors[:_MOST_FAULTS]]
        if len(errors) > _MOST_FAULTS:
            faults.append(f"and {len(errors) - _MOST_FAULTS} more")
        raise ValueError(f"{name}: {'; '.join(faults)}") from wrong


def shown(value: Any) -> str:
    """A value as a message repeats it: not all of a long one."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _fault(error: ErrorDetails, model: type[BaseModel], content: Any) -> str:
    is_missing = error["type"] == "missing"
    place = ".".join(_place(error["loc"], content, is_missing))
    said = error["msg"].removeprefix("Value error, ")
    models = _models_on_the_way(error["loc"], model)
    is_secret = any(one.model_config.get("hide_input_in_errors") for group in models for one in group)
    if error["type"] == "extra_forbidden":
        known = [name for one in models[-1] for name in one.model_fields]
        near = get_close_matches(str(error["loc"][-1]), known, 1)
        said = "there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
    elif place and not is_missing and not is_secret and not isinstance(error["input"], dict):
        said = f"{shown(error['input'])}: {said}"
    return f"{place}: {said}" if place else said


def _place(location: Location, content: Any, is_missing: bool) -> Iterator[str]:
    """The keys and indexes of a place in a file, without pydantic's names for the variants of a choice."""
    for number, name in enumerate(location, start=1):
        if isinstance(content, list | tuple):
            content = dict(enumerate(content))
        if isinstance(content, dict) and name in content:
            content = content[name]
            yield str(name)
        elif is_missing and number == len(location):
            yield str(name)


def _models_on_the_way(location: Location, model: type[BaseModel]) -> list[list[type[BaseModel]]]:
    """The models from the root down to a place; where there is a choice, all that it may be of."""
    way = [[model]]
    for name in location:
        fields = [one.model_fields[name] for one in way[-1] if name in one.model_fields]
        if fields:
            way.append([inner for field in fields for inner in _models_within(field.annotation)])
    return way


def _models_within(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_within(argument)
