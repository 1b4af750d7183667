"""Reading recipes: files, overrides, options, kinds."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from irg.core.recipe import Recipe, _replaced, read_recipe
from irg.core.settings import BaseSettings


class Colour(BaseSettings):
    name: str = "black"
    weight: float = 1.0


class Painting(Recipe):
    colours: tuple[Colour, ...] = ()
    frame: Colour | None = None
    ground: Colour = Colour()
    title: str = ""


class Sculpture(Recipe):
    height: int = 3


KINDS = {"painting": Painting, "sculpture": Sculpture}
BASE = "kind: painting\nout: here\ncolours: [{name: red}, {name: blue}]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(BASE)
    return path


def painting(file: Path, *overrides: str, **options: Any) -> Painting:
    recipe = read_recipe(file, KINDS, overrides, options)
    assert isinstance(recipe, Painting)
    return recipe


def test_overrides_reach_into_tables_and_lists_and_make_tables(file: Path) -> None:
    recipe = painting(file, "colours.1.weight=0.5", "frame.name=gold", "out=there")
    assert recipe.colours == (Colour(name="red"), Colour(name="blue", weight=0.5))
    assert recipe.frame == Colour(name="gold") and recipe.out == Path("there")


def test_the_last_override_counts_and_options_come_after_all(file: Path) -> None:
    assert painting(file, "title=a", "title=b").title == "b"
    recipe = read_recipe(file, KINDS, ["title=a"], {"title": "c: [", "ground.weight": 2, "out": None})
    assert isinstance(recipe, Painting)
    assert (recipe.title, recipe.ground.weight, recipe.out) == ("c: [", 2.0, Path("here"))


def test_an_override_changes_one_of_the_places_that_aliases_share(file: Path) -> None:
    file.write_text("kind: painting\nout: x\nframe: &one {name: red}\nground: *one\n")
    recipe = painting(file, "frame.name=green")
    assert recipe.frame == Colour(name="green") and recipe.ground == Colour(name="red")


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["title"], "override 'title': expected key=value"),
        (["title=[1,"], r"override 'title=\[1,' is not valid YAML"),
        (["title=!!int 3"], "override 'title=!!int 3' has a tag"),
        (["kind.of=1"], "override 'kind.of=1': 'painting' has no keys, so no of"),
        (["colours.2.name=x"], "override 'colours.2.name=x': 2 is no index of a list of 2"),
        (["colours.-1.name=x"], "-1 is no index of a list of 2"),
        (["colours.01.name=x"], "01 is no index of a list of 2"),
        (["colours.first=x"], "first is no index of a list of 2"),
        ([".".join("a" * 60) + "=1"], "expected a key of at most 50 levels"),
        (["=1"], r"recipe\.yaml: there is no such setting"),
        (["titel=x"], r"recipe\.yaml: titel: there is no such setting; did you mean title"),
        (["kind=curate"], r"is of kind curate, which is run by: irg curate .*recipe\.yaml"),
        (["kind=unified"], r"is of kind unified, which is run by: irg train .*recipe\.yaml"),
        (["kind=music"], "kind 'music', expected one of painting, sculpture"),
        (["kind=[painting]"], r"kind \['painting'\], expected one of"),
        (["kind=null"], "kind None, expected one of"),
    ],
)
def test_a_wrong_override_is_told(file: Path, overrides: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_recipe(file, KINDS, overrides)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no recipe: expected keys and values, got NoneType"),
        (b"- 1", "got list"),
        (b"kind: {painting", "is not valid YAML"),
        (b"\xff\xfe\x00", "is not valid YAML"),
        (b"out: x", "kind None, expected one of painting, sculpture"),
        (b"kind: painting", "out: Field required"),
        (b"a: &a [*a]", r"recipe\.yaml has an alias"),
        (b"a" * 300_000, r"recipe\.yaml is too long"),
    ],
)
def test_a_wrong_file_is_told(file: Path, content: bytes, told: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ValueError, match=told) as refused:
        read_recipe(file, KINDS)
    assert str(file) in str(refused.value)


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match=r"/dev/zero is (too long|not valid YAML)"):
        read_recipe(Path("/dev/zero"), KINDS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.yaml: no such recipe"):
        read_recipe(tmp_path / "nowhere.yaml", KINDS)


def test_the_only_kind_need_not_be_said(file: Path) -> None:
    file.write_text("out: x\nkind: sculpture\n")
    assert isinstance(read_recipe(file, KINDS), Sculpture)
    file.write_text("out: x\n")

    class Only(Recipe):
        kind: str = "only"

    assert read_recipe(file, {"only": Only}) == Only(out=Path("x"))


def test_a_recipe_is_saved_whole_beside_what_it_makes(file: Path, tmp_path: Path) -> None:
    recipe = painting(file, f"out={tmp_path / 'a' / 'b'}", "title=größer")
    recipe.save()
    assert recipe.file == tmp_path / "a" / "b" / "painting.yaml"
    assert "größer" in recipe.file.read_text(encoding="utf-8")
    saved = yaml.safe_load(recipe.file.read_text(encoding="utf-8"))
    assert list(saved) == ["kind", "out", "colours", "frame", "ground", "title"]
    assert saved["ground"] == {"name": "black", "weight": 1.0}
    assert read_recipe(recipe.file, KINDS) == recipe


NAMES = st.sampled_from("abc")
TREES = st.recursive(
    st.integers() | st.none(), lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner), max_leaves=8
)


@given(st.dictionaries(NAMES, TREES), st.lists(NAMES | st.sampled_from("012"), min_size=1, max_size=4))
def test_an_override_changes_its_place_and_no_other(tree: dict[str, Any], names: list[str]) -> None:
    """Against a naive twin: a copy, walked down and assigned to."""
    before = yaml.safe_load(yaml.safe_dump(tree))
    naive: Any = yaml.safe_load(yaml.safe_dump(tree))
    place, fits = naive, True
    for depth, name in enumerate(names):
        key: Any = name if isinstance(place, dict) else int(name) if name.isdecimal() else -1
        fits = isinstance(place, dict) or (isinstance(place, list) and 0 <= key < len(place))
        if not fits:
            break
        if depth == len(names) - 1:
            place[key] = "new"
        elif (isinstance(place, dict) and place.get(key) is None) or place[key] is None:
            place[key] = {}
        place = place[key]
    if fits:
        assert _replaced(tree, names, "new", "x") == naive
    else:
        with pytest.raises(ValueError, match="override 'x'"):
            _replaced(tree, names, "new", "x")
    assert tree == before
