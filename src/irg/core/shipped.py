"""The recipes that come with the package, by name: they need no clone of the repository."""

from importlib import resources
from itertools import takewhile
from pathlib import Path

ENDING = ".yaml"


def shipped() -> dict[str, Path]:
    """Each recipe's file by its name, sorted."""
    folder = Path(str(resources.files("irg") / "assets" / "recipes"))
    return {file.stem: file for file in sorted(folder.glob(f"*{ENDING}"))}


def found(path: Path) -> Path:
    """The file at a path; where there is none, the shipped recipe of this name. Raises ValueError."""
    if path.exists() and not path.is_dir():
        return path
    recipes = shipped()
    if path.name == str(path) and (file := recipes.get(path.name.removesuffix(ENDING))):
        return file
    what = "a folder, and no recipe" if path.is_dir() else "no such recipe"
    raise ValueError(f"{path}: {what}; irg recipe list names those that come with irg")


def named(name: str) -> Path:
    """The file of a shipped recipe. Raises ValueError where there is none of this name."""
    recipes = shipped()
    if (file := recipes.get(name.removesuffix(ENDING))) is None:
        raise ValueError(f"{name!r} is no recipe that comes with irg: expected one of {', '.join(recipes)}")
    return file


def about(text: str) -> str:
    """What a recipe says of itself: the first sentence of the comment at its head, without commands."""
    head = takewhile(lambda line: line.startswith("# ") and not line.startswith("#  "), text.splitlines())
    return " ".join(line.removeprefix("# ") for line in head).split(". ")[0].removesuffix(".")
