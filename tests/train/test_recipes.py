import ast
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

import irg.train
from irg.data.modes import Mode
from irg.train.autoencoder import AutoencoderRecipe
from irg.train.loop import TrainRecipe
from irg.train.recipe import Recipe
from irg.train.recipes import KINDS, read_recipe, run_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
BASE = "kind: unified\nout: runs/x\nbase: runs/parts\nsteps: 3\nmodes: {direct: 1.0}\n"


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(BASE)
    return path


def unified(recipe: BaseModel) -> TrainRecipe:
    assert isinstance(recipe, TrainRecipe)
    return recipe


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_our_own_recipes_are_valid(path: Path) -> None:
    recipe = read_recipe(path, [])
    assert type(recipe) is KINDS[yaml.safe_load(path.read_text())["kind"]][0]


def test_there_are_recipes_of_every_kind() -> None:
    assert {yaml.safe_load(path.read_text())["kind"] for path in RECIPES} == set(KINDS)


def fields_without_a_reader(recipe: type[BaseModel], sources: Iterable[str]) -> set[str]:
    """Fields that no function reads as `recipe.FIELD`, or a method of the recipe as `self.FIELD`."""
    read = {
        node.attr
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("recipe", "self")
    }
    return set(recipe.model_fields) - read


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_recipe_is_read(kind: str) -> None:
    recipe, _ = KINDS[kind]
    modules = (sys.modules[recipe.__module__], sys.modules["irg.train.recipes"])
    assert fields_without_a_reader(recipe, map(inspect.getsource, modules)) == set()


def test_a_field_that_nobody_reads_is_found() -> None:
    class Forgotten(BaseModel):
        steps: int
        colour: str
        unread: bool

    source = "def run(recipe):\n    return recipe.steps, other.colour, recipe.unknown\nrecipe.unread = True\n"
    assert fields_without_a_reader(Forgotten, [source]) == {"colour", "unread"}


def test_every_recipe_of_the_package_has_a_kind() -> None:
    """So that the tests above know of all of them."""
    assert irg.train.__file__ is not None
    sources = [path.read_text() for path in Path(irg.train.__file__).parent.glob("*.py")]
    written = {
        node.name
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Recipe")
    }
    assert written - {Recipe.__name__} == {recipe.__name__ for recipe, _ in KINDS.values()}


def test_overrides_replace_values_and_reach_into_tables(recipe_file: Path) -> None:
    overrides = ["steps=7", "modes.improving_full=0.5", "settings.first.interval=[0.1, 0.9]", "init=null"]
    recipe = unified(read_recipe(recipe_file, overrides))
    assert recipe.steps == 7 and recipe.init is None
    assert recipe.modes == {Mode.DIRECT: 1.0, Mode.IMPROVING_FULL: 0.5}
    assert recipe.settings is not None and recipe.settings.first.interval == (0.1, 0.9)


def test_an_override_may_choose_the_kind(recipe_file: Path) -> None:
    recipe_file.write_text("kind: tokenizer\nout: x\n")
    assert isinstance(read_recipe(recipe_file, ["kind=autoencoder", "steps=4"]), AutoencoderRecipe)


@pytest.mark.parametrize(
    ("content", "overrides", "told"),
    [
        (BASE + "stepps: 4\n", [], "stepps"),
        (BASE, ["settings.colour=red"], r"settings.colour"),
        (BASE, ["modes.drawing=1"], "drawing"),
        (BASE, ["steps=many"], "steps"),
        (BASE, ["steps"], "'steps': expected key=value"),
        (BASE, ["steps=[1,"], r"'steps=\[1,' is not valid YAML"),
        (BASE, ["steps.much=1"], "'steps.much=1': steps is 3"),
        (BASE, ["kind=unknown"], "'unknown', expected one of tokenizer, autoencoder, unified, samples"),
        (BASE.replace("steps: 3\n", ""), [], "steps"),
        (BASE.replace("unified", "uniffied"), [], "'uniffied', expected one of"),
        (BASE.replace("kind: unified\n", ""), [], "None, expected one of"),
        (BASE.replace("unified", "[unified]"), [], "expected one of"),
        ("kind: {unified", [], "not valid YAML"),
        ("- one\n- two\n", [], "got list"),
        ("", [], "got NoneType"),
    ],
)
def test_a_wrong_recipe_is_told_by_file_and_fault(
    content: str, overrides: list[str], told: str, recipe_file: Path
) -> None:
    recipe_file.write_text(content)
    with pytest.raises(ValueError, match=told) as caught:
        read_recipe(recipe_file, overrides)
    assert str(recipe_file) in str(caught.value) or "override" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.yaml: no such recipe"):
        read_recipe(tmp_path / "nowhere.yaml", [])


def test_running_a_recipe_saves_it_resolved_beside_what_it_made(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"kind: tokenizer\nout: {tmp_path / 'made'}\ntexts: 100\n")
    recipe = read_recipe(path, ["seed=4"])
    assert run_recipe(recipe) == tmp_path / "made" / "tokenizer.json"
    assert (tmp_path / "made" / "tokenizer.json").exists()
    saved = tmp_path / "made" / "tokenizer.yaml"
    assert read_recipe(saved, []) == recipe
    assert yaml.safe_load(saved.read_text())["seed"] == 4


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_resolved_recipe_reads_as_the_same(path: Path, tmp_path: Path) -> None:
    recipe = read_recipe(path, [])
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    assert read_recipe(tmp_path / "recipe.yaml", []) == recipe
