"""What the wheel holds: the weights and the recipes, without which the commands would do nothing."""

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]


def test_weights_and_recipes_are_packaged() -> None:
    files = {one.distribution_path for one in WheelBuilder(str(ROOT)).recurse_included_files()}
    recipes = {f"irg/assets/recipes/{file.name}" for file in (ROOT / "recipes").glob("*.yaml")}
    assert recipes and recipes <= files
    assert {"irg/cli/app.py", "irg/assets/embedded/ae.safetensors", "irg/assets/embedded/irg.json"} <= files
