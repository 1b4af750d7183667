"""Short runs of a small model."""

import json
from pathlib import Path
from typing import Any

from irg.rl.settings import RlRecipe

FILE_OF_PROMPTS = "prompts.jsonl"


def recipe(start: Path, out: Path, /, **changes: Any) -> RlRecipe:
    """Two steps of two groups of three, which learn the wanted word."""
    out.mkdir(parents=True, exist_ok=True)
    prompts = out.parent / FILE_OF_PROMPTS
    prompts.write_text(
        "".join(json.dumps({"prompt": f"a red {thing}"}) + "\n" for thing in ("star", "circle"))
    )
    content: dict[str, Any] = {
        "init": str(start),
        "out": out,
        "steps": 2,
        "prompts": {"file": prompts},
        "rewards": [{"kind": "function", "function": "tests.rl.graders:wanted"}],
        "rollouts": {"groups": 2, "siblings": 3, "tries": 1, "temperature": 1.0},
        "guards": {"malformed": 1.0},
        "returns": {"malformed": 0.0},
        "optimizer": {"rate": 1e-3},
        "settings": {"num_points": 6},
        "ema": None,
        "device": "cpu",
    }
    return RlRecipe.model_validate(content | changes)


def history(out: Path, file: str = "metrics.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / file).read_text().splitlines()]
