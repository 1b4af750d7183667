import ast
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

import irg
from irg.core.recipe import COMMANDS, Recipe
from irg.curate.recipe import read_recipe as read_curation
from irg.data.learning import Mode
from irg.rl.run import read_recipe as read_rl
from irg.run.model_recipe import ModelRecipe
from irg.train.embedded_autoencoder import AutoencoderRecipe
from irg.train.recipes import KINDS, read_recipe, run_recipe
from irg.train.settings import TrainRecipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
BASE = """\
kind: unified
out: runs/x
parts: runs/parts
steps: 3
data: [{scenes: episodes, modes: {direct: 1.0}}, {path: stored}]
batch: {documents: 4}
"""


def kind_of(path: Path) -> str:
    return yaml.safe_load(path.read_text())["kind"]


TRAINED = [path for path in RECIPES if kind_of(path) in KINDS]
OF_OTHERS = {"curate": read_curation, "rl": read_rl}
"""Who reads the recipes of kinds that are not trained here."""


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
    kind = kind_of(path)
    if kind in KINDS:
        assert type(read_recipe(path, [])) is KINDS[kind]
    else:
        assert OF_OTHERS[kind](path, []).kind == kind


def test_there_are_recipes_of_every_kind() -> None:
    assert {kind_of(path) for path in RECIPES} == {*KINDS, *OF_OTHERS}


def sources() -> Iterator[ast.Module]:
    """All that training is made of."""
    root = Path(irg.__file__).parent
    paths = (path for room in ("model", "run", "train") for path in sorted((root / room).glob("*.py")))
    return (ast.parse(path.read_text()) for path in paths)


def read_of(owners: set[str], modules: Iterable[ast.Module]) -> set[str]:
    """The attributes that are read of whatever goes by one of the names."""
    return {
        node.attr
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and (
            (isinstance(node.value, ast.Name) and node.value.id in owners)
            or (isinstance(node.value, ast.Attribute) and node.value.attr in owners)
        )
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_recipe_is_read(kind: str) -> None:
    recipe = KINDS[kind]
    own = ast.parse(inspect.getsource(recipe))  # such as the sizes that an autoencoder's config is made of
    read = read_of({"recipe"}, sources()) | read_of({"self"}, [own])
    assert set(recipe.model_fields) - read == set()


def parts_of_recipes(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The tables of a recipe, however deep, with the names that they have in it."""
    for name, field in model.model_fields.items():
        for part in _within(field.annotation):
            yield name, part
            yield from parts_of_recipes(part)


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    """The tables that a type is made of; those of how a checkpoint is used are not training's to read."""
    is_table = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    if is_table and annotation.__module__.startswith(("irg.model", "irg.run", "irg.train")):
        yield annotation
    for argument in get_args(annotation):
        yield from _within(argument)


def test_every_field_of_a_table_is_read() -> None:
    tables = dict(parts_of_recipes(TrainRecipe))
    assert {"data", "batch", "loss", "parallel", "optimizer", "evaluation", "lora", "wandb"} <= tables.keys()
    owners = {*tables, "self", "settings", "one", "recipe"}
    read = read_of(owners, sources())
    unread = {f"{name}.{field}" for name, table in tables.items() for field in set(table.model_fields) - read}
    assert unread == set()


def test_a_field_that_nobody_reads_is_found() -> None:
    source = (
        "def run(recipe):\n    return recipe.steps, other.colour, self.recipe.out\nrecipe.unread = True\n"
    )
    assert read_of({"recipe"}, [ast.parse(source)]) == {"steps", "out"}


def test_every_recipe_of_the_package_has_a_kind() -> None:
    """So that the tests above know of all of them."""
    written = {
        node.name
        for module in sources()
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Recipe")
    }
    assert written - {Recipe.__name__, ModelRecipe.__name__} == {recipe.__name__ for recipe in KINDS.values()}


def test_overrides_replace_values_and_reach_into_tables_and_lists(recipe_file: Path) -> None:
    overrides = ["steps=7", "data.0.modes.improving_full=0.5", "lora.rank=3", "evaluation.every=9"]
    recipe = unified(read_recipe(recipe_file, [*overrides, "data.1.path=other", "ema=null"]))
    assert recipe.steps == 7 and recipe.ema is None
    assert recipe.data[0].modes == {Mode.DIRECT: 1.0, Mode.IMPROVING_FULL: 0.5}
    assert recipe.data[1].path == Path("other")
    assert recipe.lora is not None and recipe.lora.rank == 3
    assert recipe.evaluation is not None and recipe.evaluation.every == 9


def test_an_override_may_choose_the_kind(recipe_file: Path) -> None:
    recipe_file.write_text("kind: tokenizer\nout: x\n")
    assert isinstance(read_recipe(recipe_file, ["kind=autoencoder", "steps=4"]), AutoencoderRecipe)


@pytest.mark.parametrize(
    ("content", "overrides", "told"),
    [
        (BASE + "stepps: 4\n", [], "stepps"),
        (BASE, ["settings.colour=red"], r"settings.colour"),
        (BASE, ["data.0.modes.drawing=1"], "drawing"),
        (BASE, ["data.0.path=both"], "a dataset has either a path or scenes"),
        (BASE, ["data.0.required=[edit]"], "required modes edit are not among the dataset's modes"),
        (BASE, ["data.2.weight=1"], "'data.2.weight=1': 2 is no index of a list of 2"),
        (BASE, ["batch.tokens=100"], "batch needs either tokens or documents"),
        (BASE, ["batch.fit=true"], "batch.fit chooses among budgets of tokens"),
        (BASE, ["parts=null"], "a model drawn at random needs parts"),
        (BASE, ["epochs=2"], "a recipe has either steps or epochs"),
        (BASE, ["optimizer.kind=muon"], "muon needs it"),
        (BASE, ["loss.text=sum"], "loss.text"),
        (BASE, ["steps=many"], "steps"),
        (BASE, ["freeze=[vit]"], "freeze.0: 'vit': .*'vision', .*'latents'"),
        (BASE, ["steps"], "'steps': expected key=value"),
        (BASE, ["steps=[1,"], r"'steps=\[1,' is not valid YAML"),
        (BASE, ["steps.much=1"], "'steps.much=1': 3 has no keys, so no much"),
        (BASE, ["kind=unknown"], "'unknown', expected one of tokenizer, autoencoder, unified"),
        (BASE.replace("steps: 3\n", ""), [], "a recipe has either steps or epochs"),
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


def test_a_saved_recipe_gives_the_settings_that_were_given(recipe_file: Path, tmp_path: Path) -> None:
    """And not their defaults, which would then replace what stands in the checkpoint that it begins from."""
    recipe = unified(read_recipe(recipe_file, [f"out={tmp_path}", "settings.later.text_scale=2.5"]))
    recipe.save()
    assert yaml.safe_load(recipe.file.read_text())["settings"] == {"later": {"text_scale": 2.5}}
    assert unified(read_recipe(recipe.file)).settings == recipe.settings


def test_a_recipe_of_another_command_says_which(recipe_file: Path) -> None:
    scenes = RECIPES[0].parent / "scene.yaml"
    with pytest.raises(ValueError, match=r"kind curate, which is run by: irg curate .*scene\.yaml"):
        read_recipe(scenes, [])
    with pytest.raises(ValueError, match=r"kind unified, which is run by: irg train .*recipe\.yaml"):
        read_curation(recipe_file, [])
    assert {kind for kind, command in COMMANDS.items() if command == "irg train"} == set(KINDS)


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_a_resolved_recipe_reads_as_the_same(path: Path, tmp_path: Path) -> None:
    recipe = read_recipe(path, [])
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    assert read_recipe(tmp_path / "recipe.yaml", []) == recipe
