"""Reading recipes: YAML files validated by pydantic, with `key=value` overrides from the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from irg.train.embedded_autoencoder import AutoencoderRecipe, train_autoencoder
from irg.train.recipe import Recipe
from irg.train.settings import TrainRecipe
from irg.train.tokenizer import TokenizerRecipe, make_tokenizer
from irg.train.unified import train


@dataclass(frozen=True)
class Manner:
    """How a recipe is run, as opposed to what it does."""

    resume: bool = False
    strict: bool = False


KINDS: dict[str, tuple[type[Recipe], Callable[[Any, Manner], Any]]] = {
    "tokenizer": (TokenizerRecipe, lambda recipe, manner: make_tokenizer(recipe)),
    "autoencoder": (AutoencoderRecipe, lambda recipe, manner: train_autoencoder(recipe)),
    "unified": (TrainRecipe, lambda recipe, manner: train(recipe, manner.resume, manner.strict)),
}


def read_recipe(path: Path, overrides: list[str]) -> Recipe:
    """The validated recipe of a file, with overrides like `steps=100` or `modes.direct=0.5` (YAML values)."""
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError as missing:
        raise ValueError(f"{path}: no such recipe") from missing
    except yaml.YAMLError as broken:
        raise ValueError(f"{path} is not valid YAML: {broken}") from broken
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no recipe: expected keys and values, got {type(content).__name__}")
    for override in overrides:
        _apply(content, override)
    kind = content.get("kind")
    if kind == "curate":
        raise ValueError(f"{path} makes a data set: irg curate {path}")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"{path}: kind {kind!r}, expected one of {', '.join(KINDS)}")
    try:
        return KINDS[kind][0].model_validate(content)
    except ValidationError as wrong:
        raise ValueError(f"{path}: {_told(wrong)}") from wrong


def run_recipe(recipe: Recipe, manner: Manner | None = None) -> Any:
    """Do what the recipe says. It is saved, resolved, beside what it makes."""
    kind, action = KINDS[recipe.kind]
    assert isinstance(recipe, kind)
    if not isinstance(recipe, TrainRecipe):  # which saves itself once it knows that its folder holds no other
        recipe.save()
    return action(recipe, manner or Manner())


def _told(wrong: ValidationError) -> str:
    """All that is wrong, with where it stands in the recipe."""
    faults = []
    for error in wrong.errors():
        place = ".".join(map(str, error["loc"]))
        said = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            said = "there is no such setting"
        elif place and error["type"] != "missing" and not isinstance(error["input"], dict):
            said = f"{error['input']!r}: {said}"
        faults.append(f"{place}: {said}" if place else said)
    return "; ".join(faults)


def _apply(content: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    if not equals:
        raise ValueError(f"override {override!r}: expected key=value")
    try:
        new = yaml.safe_load(value)
    except yaml.YAMLError as broken:
        raise ValueError(f"override {override!r} is not valid YAML: {broken}") from broken
    place: Any = content
    *parents, leaf = name.split(".")
    for parent in parents:
        key = _key(place, parent, override)
        if isinstance(place, dict) and place.get(key) is None:
            place[key] = {}
        place = place[key]
    place[_key(place, leaf, override)] = new


def _key(place: Any, name: str, override: str) -> Any:
    """The key or index of that name. Raises ValueError where there can be none."""
    if isinstance(place, dict):
        return name
    if not isinstance(place, list):
        raise ValueError(f"override {override!r}: {place!r} has no keys, so no {name}")
    if not name.isdecimal() or int(name) >= len(place):
        raise ValueError(f"override {override!r}: {name} is no index of a list of {len(place)}")
    return int(name)
