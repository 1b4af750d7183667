"""Reading recipes: YAML files validated by pydantic, with `key=value` overrides from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from irg.core.files import write_atomically
from irg.train.autoencoder import AutoencoderRecipe, train_autoencoder
from irg.train.loop import TrainRecipe, train
from irg.train.recipe import Recipe
from irg.train.samples import SamplesRecipe, draw_samples
from irg.train.tokenizer import TokenizerRecipe, make_tokenizer

KINDS: dict[str, tuple[type[Recipe], Callable[[Any], Any]]] = {
    "tokenizer": (TokenizerRecipe, make_tokenizer),
    "autoencoder": (AutoencoderRecipe, train_autoencoder),
    "unified": (TrainRecipe, train),
    "samples": (SamplesRecipe, draw_samples),
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
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"{path}: kind {kind!r}, expected one of {', '.join(KINDS)}")
    try:
        return KINDS[kind][0].model_validate(content)
    except ValidationError as wrong:
        raise ValueError(f"{path}: {wrong}") from wrong


def run_recipe(recipe: Recipe) -> Any:
    """Do what the recipe says, after saving it, resolved, beside what it makes."""
    kind, action = KINDS[recipe.kind]
    assert isinstance(recipe, kind)
    recipe.out.mkdir(parents=True, exist_ok=True)
    write_atomically(
        recipe.out / f"{recipe.kind}.yaml", yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)
    )
    return action(recipe)


def _apply(content: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    if not equals:
        raise ValueError(f"override {override!r}: expected key=value")
    *parents, leaf = name.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise ValueError(f"override {override!r}: {parent} is {content!r}, which has no keys")
    try:
        content[leaf] = yaml.safe_load(value)
    except yaml.YAMLError as broken:
        raise ValueError(f"override {override!r} is not valid YAML: {broken}") from broken
