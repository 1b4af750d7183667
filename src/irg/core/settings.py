"""Settings: what a user says in a file. They are frozen, and a key that nobody reads is an error."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from itertools import chain
from types import UnionType
from typing import Annotated, Any, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

_MOST_FAULTS = 10
_MOST_WHOLE, _MOST_FLOAT = (1 << 63) - 1, (2 - 2**-23) * 2.0**127
"""What 64 bits, and a float32, hold."""
_LONGEST = 80
"""Characters of a value that a message repeats."""

Seed = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
"""What generators take."""
Location = tuple[int | str, ...]
"""A place as pydantic tells it."""


class BaseSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_held(cls, value: Any) -> Any:
        """Numbers end up in tensors, in which larger ones would be infinite, or none."""
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, int) and not -_MOST_WHOLE <= one <= _MOST_WHOLE:
                raise ValueError(f"expected a whole number of at most {_MOST_WHOLE}")
            if isinstance(one, float) and abs(one) > _MOST_FLOAT:
                raise ValueError(f"expected a number of at most {_MOST_FLOAT:.2e}")
        return value

    def changed_by(self, given: Mapping[str, Any]) -> Self:
        """These settings with what is given in the place of theirs, however deep. Raises ValidationError."""
        return type(self).model_validate(_merged(self.model_dump(), given))


Checked = TypeVar("Checked", bound=BaseSettings)


def checked(
    model: type[Checked], content: Any, name: str, lines: Mapping[Location, int] | None = None
) -> Checked:
    """Settings from the content of a file; `name` says in errors which, and `lines` where what stands.

    Raises ValueError with all that is wrong: where it stands, the value, and what is expected.
    """
    try:
        return model.model_validate(content)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False)
        faults = [_fault(error, model, content, lines or {}) for error in errors[:_MOST_FAULTS]]
        if len(errors) > _MOST_FAULTS:
            faults.append(f"and {len(errors) - _MOST_FAULTS} more")
        raise ValueError(f"{name}: {'; '.join(faults)}") from wrong


def faults_of(wrong: ValidationError) -> str:
    """What is wrong with what is no settings, such as a stored line, on one line: where, the value, and what
    is expected."""

    def told(error: ErrorDetails) -> str:
        place, value = ".".join(map(str, error["loc"])), error["input"]
        is_repeated = place and not _is_missing(error) and not isinstance(value, dict)
        return ": ".join(filter(None, (place, shown(value) if is_repeated else "", error["msg"])))

    return "; ".join(map(told, wrong.errors(include_url=False)[:_MOST_FAULTS]))


def place_of(error: ErrorDetails, model: type, content: Any) -> str:
    """Where in the content of a file an error stands, as its writer would say it: `turns.0.steps`."""
    return ".".join(_place(_without_tags(error["loc"], model), content, _is_missing(error)))


def shown(value: Any) -> str:
    """A value as a message repeats it: not all of a long one."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}


def _fault(error: ErrorDetails, model: type, content: Any, lines: Mapping[Location, int]) -> str:
    location, place = _without_tags(error["loc"], model), place_of(error, model, content)
    said = error["msg"].removeprefix("Value error, ")
    types = _types_on_the_way(location, model)
    is_secret = any(getattr(one, "model_config", {}).get("hide_input_in_errors") for one in chain(*types))
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = [str(name) for one in types[-1] for name in _fields(one)]
        near = get_close_matches(str(error["loc"][-1]), known, 1)
        said = "there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
    elif place and not _is_missing(error) and not is_secret and not isinstance(error["input"], dict):
        said = f"{shown(error['input'])}: {said}"
    where = f"line {line}: " if (line := _line(location, lines)) else ""
    return f"{where}{place}: {said}" if place else f"{where}{said}"


def _is_missing(error: ErrorDetails) -> bool:
    return error["type"].startswith("missing")


def _line(location: Location, lines: Mapping[Location, int]) -> int | None:
    """On which line a place stands, or what is nearest above it in the file's tree."""
    known = (lines.get(location[:length]) for length in range(len(location), 0, -1))
    return next((line for line in known if line), None)


def _without_tags(location: Location, model: type) -> Location:
    """A place without the tags that pydantic puts after a field whose value is one of several by its tag:
    such a one may also be the name of a key."""
    kept: list[int | str] = []
    annotation, is_tag = model, False
    for name in location:
        if is_tag:
            is_tag = False
            continue
        kept.append(name)
        annotation, is_tag = _below(annotation, name)
    return tuple(kept)


def _below(annotation: Any, name: int | str) -> tuple[Any, bool]:
    """What stands under a name, and whether it is one of several by its tag. Where nothing does, the same."""
    for one in _alternatives(annotation):
        if isinstance(one, type) and name in (known := _fields(one)):
            field = one.model_fields[str(name)] if issubclass(one, BaseModel) else None
            return known[name], _is_tagged(known[name]) or (field is not None and bool(field.discriminator))
        inner = [inner for inner in get_args(one) if inner is not Ellipsis]
        if inner:
            return inner[-1], _is_tagged(inner[-1])
    return annotation, False


def _alternatives(annotation: Any) -> Iterator[Any]:
    """What a value may be of, without what is noted about it."""
    if get_origin(annotation) in (Annotated, Union, UnionType):
        of = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
        for one in of:
            yield from _alternatives(one)
    else:
        yield annotation


def _is_tagged(annotation: Any) -> bool:
    notes = getattr(annotation, "__metadata__", ())
    inner = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
    return any(getattr(note, "discriminator", None) for note in notes) or any(map(_is_tagged, inner))


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


def _types_on_the_way(location: Location, model: type) -> list[list[type]]:
    """The types from the root down to a place; where there is a choice, all that it may be of."""
    way, annotation = [[model]], model
    for name in location:
        below, _ = _below(annotation, name)
        if below is not annotation:
            way.append(list(_types_within(below)))
        annotation = below
    return way


def _types_within(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for argument in get_args(annotation):
        yield from _types_within(argument)


def _fields(owner: type) -> dict[int | str, Any]:
    """The types of the fields of settings, by name; of anything else, none."""
    if issubclass(owner, BaseModel):
        return {name: field.annotation for name, field in owner.model_fields.items()}
    return {field.name: field.type for field in fields(owner)} if is_dataclass(owner) else {}
