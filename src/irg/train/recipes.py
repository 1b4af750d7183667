"""The kinds of training recipes: how each is read and run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irg.core import recipe
from irg.core.recipe import Recipe
from irg.train.embedded_autoencoder import AutoencoderRecipe, train_autoencoder
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


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The validated recipe of a file (`irg.core.recipe`). Raises ValueError that says what is wrong."""
    return recipe.read_recipe(path, {kind: model for kind, (model, _) in KINDS.items()}, overrides)


def run_recipe(recipe: Recipe, manner: Manner | None = None) -> Any:
    """Do what the recipe says. It is saved, resolved, beside what it makes."""
    kind, action = KINDS[recipe.kind]
    assert isinstance(recipe, kind)
    if not isinstance(recipe, TrainRecipe):  # which saves itself once it knows that its folder holds no other
        recipe.save()
    return action(recipe, manner or Manner())
