"""The recipe that makes the embedded model's tokenizer."""

from pathlib import Path

from irg.core.recipe import Recipe
from irg.data.learning import ModeQuestions
from irg.data.scene_source import SYSTEM_PROMPT
from irg.data.tokenizer import train_tokenizer


class TokenizerRecipe(Recipe):
    """`kind: tokenizer` in the recipe file."""

    kind: str = "tokenizer"
    seed: int = 0
    texts: int = 20_000


def make_tokenizer(recipe: TokenizerRecipe) -> Path:
    """Leaves `tokenizer.json` in the recipe's folder."""
    asked = ModeQuestions()
    train_tokenizer(recipe.out, recipe.seed, recipe.texts, (SYSTEM_PROMPT, asked.plan, asked.compare))
    return recipe.out / "tokenizer.json"
