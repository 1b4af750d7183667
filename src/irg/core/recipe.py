"""Recipes: a YAML file that says what one run of a command does, and its `key=value` overrides."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml

from irg.core.files import write_atomically
from irg.core.output import working
from irg.core.settings import BaseSettings, checked, shown
from irg.core.shipped import found
from irg.core.yaml_file import MOST_LEVELS, parse_yaml, read_mapping

COMMANDS = {
    "tokenizer": "irg train",
    "autoencoder": "irg train",
    "unified": "irg train",
    "curate": "irg curate",
    "rl": "irg rl",
}
"""Which command runs the recipes of a kind."""


class Recipe(BaseSettings):
    """One run: what kind it is, and the folder for what it makes."""

    makes: ClassVar[str] = "run"
    """What its folder is: one of another kind is not touched."""
    kind: str
    out: Path

    @property
    def file(self) -> Path:
        """Where it is saved, every default written out, beside what it makes."""
        return self.out / f"{self.kind}.yaml"

    def at_work(self, vouched: bool = False) -> AbstractContextManager[Path]:
        """Its folder, ours alone for the length of the block (`irg.core.output.working`)."""
        return working(self.out, self.makes, vouched)

    def save(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        content = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_atomically(self.file, content)


Chosen = TypeVar("Chosen", bound=Recipe)


def read_recipe(
    path: Path,
    kinds: Mapping[str, type[Chosen]],
    overrides: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Chosen:
    """The validated recipe of a file, of one of these kinds; where there is but one, it need not be said.
    A path that is no file may be the name of a recipe that comes with the package.

    `overrides` are like `steps=100` or `data.0.modes.direct=0.5` (YAML values). `options` are values by
    the same names, which come after them; None leaves the recipe as it is. Raises ValueError.
    """
    path = found(path)
    content, _ = read_mapping(path, "recipe")
    for override in overrides:
        content = overridden(content, override)
    for name, value in (options or {}).items():
        if value is not None:
            content = _replaced(content, name.split("."), value, f"{name}={value}")
    kind = content.get("kind", next(iter(kinds)) if len(kinds) == 1 else None)
    if not isinstance(kind, str) or kind not in kinds:
        if isinstance(kind, str) and kind in COMMANDS:
            raise ValueError(f"{path} is of kind {kind}, which is run by: {COMMANDS[kind]} {path}")
        raise ValueError(f"{path}: kind {shown(kind)}, expected one of {', '.join(kinds)}")
    return checked(kinds[kind], content, str(path))


def overridden(content: dict[str, Any], override: str) -> dict[str, Any]:
    """The content with what `key=value` says, the value being YAML. Raises ValueError."""
    name, equals, value = override.partition("=")
    if not equals:
        raise ValueError(f"override {override!r}: expected key=value")
    names, new = name.split("."), parse_yaml(value, f"override {override!r}")
    if len(names) > MOST_LEVELS:
        raise ValueError(f"override {override!r}: expected a key of at most {MOST_LEVELS} levels")
    return _replaced(content, names, new, override)


def _replaced(place: Any, names: Sequence[str], new: Any, override: str) -> Any:
    """`place` with the value under these names replaced; what aliases share changes in this place alone."""
    if not names:
        return new
    name, *inner = names
    if place is None:
        place = {}
    if isinstance(place, dict):
        return place | {name: _replaced(place.get(name), inner, new, override)}
    if not isinstance(place, list):
        raise ValueError(f"override {override!r}: {shown(place)} has no keys, so no {name}")
    if name not in map(str, range(len(place))):
        raise ValueError(f"override {override!r}: {name} is no index of a list of {len(place)}")
    index = int(name)
    return [*place[:index], _replaced(place[index], inner, new, override), *place[index + 1 :]]
