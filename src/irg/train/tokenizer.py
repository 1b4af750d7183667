"""The recipe that makes the embedded model's tokenizer."""

from pathlib import Path

from irg.data.scenes import COMPARE_QUESTION, PLAN_QUESTION, SYSTEM_PROMPT
from irg.data.tokenizer import train_tokenizer
from irg.train.recipe import Recipe


class TokenizerRecipe(Recipe):
    """`kind: tokenizer` in the recipe file."""

    kind: str = "tokenizer"
    seed: int = 0
    texts: int = 20_000


def make_tokenizer(recipe: TokenizerRecipe) -> Path:
    """Leaves `tokenizer.json` in the recipe's folder."""
    train_tokenizer(recipe.out, recipe.seed, recipe.texts, (SYSTEM_PROMPT, PLAN_QUESTION, COMPARE_QUESTION))
    return recipe.out / "tokenizer.json"
