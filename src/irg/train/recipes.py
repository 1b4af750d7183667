"""The kinds of training recipes: how each is read and run."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from irg.core import recipe
from irg.core.recipe import Recipe
from irg.data.learning import ModeQuestions
from irg.data.scene_source import SYSTEM_PROMPT
from irg.data.tokenizer import train_tokenizer
from irg.train.embedded_autoencoder import PARTS, AutoencoderRecipe, train_autoencoder
from irg.train.settings import TrainRecipe
from irg.train.unified import train


class TokenizerRecipe(Recipe):
    """The embedded model's tokenizer; `kind: tokenizer` in the recipe file."""

    makes: ClassVar[str] = PARTS
    kind: str = "tokenizer"
    seed: int = 0
    texts: int = 20_000


KINDS: dict[str, type[Recipe]] = {
    "tokenizer": TokenizerRecipe,
    "autoencoder": AutoencoderRecipe,
    "unified": TrainRecipe,
}


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The validated recipe of a file (`irg.core.recipe`). Raises ValueError that says what is wrong."""
    return recipe.read_recipe(path, KINDS, overrides)


def run_recipe(recipe: Recipe, resume: bool = False, strict: bool = False) -> Path | dict[str, float]:
    """Do what the recipe says; it is saved, resolved, beside what it makes. `resume`, `strict`: see `train`.

    Returns where that is, or the scores of an autoencoder.
    """
    assert type(recipe) is KINDS[recipe.kind]
    if isinstance(recipe, TrainRecipe):
        return train(recipe, resume, strict)
    if isinstance(recipe, AutoencoderRecipe):
        return train_autoencoder(recipe)
    assert isinstance(recipe, TokenizerRecipe)
    return make_tokenizer(recipe)


def make_tokenizer(recipe: TokenizerRecipe) -> Path:
    """Leaves `tokenizer.json` in the recipe's folder."""
    asked = ModeQuestions()
    with recipe.at_work():
        recipe.save()
        train_tokenizer(recipe.out, recipe.seed, recipe.texts, (SYSTEM_PROMPT, asked.plan, asked.compare))
    return recipe.out / "tokenizer.json"
