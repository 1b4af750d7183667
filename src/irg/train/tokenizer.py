"""The recipe that makes the embedded model's tokenizer."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from irg.data.scenes import COMPARE_QUESTION, PLAN_QUESTION, SYSTEM_PROMPT
from irg.data.tokenizer import train_tokenizer


class TokenizerRecipe(BaseModel):
    """`kind: tokenizer` in the recipe file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = "tokenizer"
    out: Path
    seed: int = 0
    texts: int = 20_000


def make_tokenizer(recipe: TokenizerRecipe) -> Path:
    """Leaves `tokenizer.json` in the recipe's folder."""
    train_tokenizer(recipe.out, recipe.seed, recipe.texts, (SYSTEM_PROMPT, PLAN_QUESTION, COMPARE_QUESTION))
    return recipe.out / "tokenizer.json"
