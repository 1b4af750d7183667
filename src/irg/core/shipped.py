"""The recipes and plans that come with the package, by name: they need no clone of the repository."""

from importlib import resources
from itertools import takewhile
from pathlib import Path

ENDING = ".yaml"
RECIPE, PLAN = "recipe", "plan"


def shipped(kind: str = RECIPE) -> dict[str, Path]:
    """Each one's file by its name, sorted."""
    folder = Path(str(resources.files("irg") / "assets" / f"{kind}s"))
    return {file.stem: file for file in sorted(folder.glob(f"*{ENDING}"))}


def found(path: Path, kind: str = RECIPE) -> Path:
    """The file at a path; where there is none, the shipped one of this name. Raises ValueError."""
    if path.exists() and not path.is_dir():
        return path
    known = shipped(kind)
    if path.name == str(path) and (file := known.get(path.name.removesuffix(ENDING))):
        return file
    what = f"a folder, and no {kind}" if path.is_dir() else f"no such {kind}"
    raise ValueError(f"{path}: {what}; irg {kind} list names those that come with irg")


def comes_with_irg(path: Path, kind: str = RECIPE) -> bool:
    """Whether a file says what one that comes with the package says, to the letter: it speaks of data that
    its user has yet to make."""
    text = found(path, kind).read_bytes()
    return any(text == file.read_bytes() for file in shipped(kind).values())


def named(name: str, kind: str = RECIPE) -> Path:
    """The file of a shipped one. Raises ValueError where there is none of this name."""
    known = shipped(kind)
    if (file := known.get(name.removesuffix(ENDING))) is None:
        raise ValueError(f"{name!r} is no {kind} that comes with irg: expected one of {', '.join(known)}")
    return file


def about(text: str) -> str:
    """What a recipe says of itself: the first sentence of the comment at its head, without commands."""
    head = takewhile(lambda line: line.startswith("# ") and not line.startswith("#  "), text.splitlines())
    return " ".join(line.removeprefix("# ") for line in head).split(". ")[0].removesuffix(".")
