from pathlib import Path

import pytest

from irg.core.shipped import about, found, named, shipped

RECIPES = Path(__file__).parents[2] / "recipes"


def test_every_recipe_of_the_repository_comes_with_the_package() -> None:
    assert {name: file.read_bytes() for name, file in shipped().items()} == {
        file.stem: file.read_bytes() for file in RECIPES.glob("*.yaml")
    }


def test_a_file_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("smoke", "smoke.yaml"):
        assert found(Path(name)).samefile(RECIPES / "smoke.yaml")
    (tmp_path / "smoke").write_text("mine")
    assert found(Path("smoke")) == Path("smoke")
    (tmp_path / "scene").mkdir()  # such as one that a run has made
    (tmp_path / "mine").mkdir()
    assert found(Path("scene")).samefile(RECIPES / "scene.yaml")
    with pytest.raises(ValueError, match="mine: a folder, and no recipe; irg recipe list names those"):
        found(Path("mine"))
    for name in ("smok", "recipes/smoke.yaml", "../smoke"):
        with pytest.raises(ValueError, match=f"{name}: no such recipe; irg recipe list names those"):
            found(Path(name))


def test_a_name_is_one_of_those_that_there_are() -> None:
    assert named("smoke") == named("smoke.yaml")
    for name in ("smok", "../assets/recipes/smoke", ""):
        with pytest.raises(
            ValueError, match="is no recipe that comes with irg: expected one of bagel_8bit_1gpu, "
        ):
            named(name)


def test_what_a_recipe_says_of_itself() -> None:
    text = "# One, two (and\n# three). Four.\n#   irg train x\nkind: a\n# not this\n"
    assert about(text) == "One, two (and three)"
    assert about("# A run.\n#   irg train x\n") == "A run" and about("kind: a\n") == ""
    assert all(about(file.read_text()) for file in shipped().values())
