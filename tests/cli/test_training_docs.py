"""What the pages on training say: commands that can be run, and every setting with its true default."""

import re
import shlex
import typing
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from irg.cli.app import app
from irg.pipeline import Settings
from irg.prep import Resize
from irg.train.recipes import read_recipe
from irg.train.settings import TrainRecipe

DOCUMENTS = Path(__file__).parents[2] / "docs"
WHOLE = (Settings, Resize)
"""Described elsewhere, or in a word."""
REQUIRED = object()


def settings(kind: type, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting by its dotted name, with its default."""
    if is_dataclass(kind):
        named = [(one.name, one.type, one.default) for one in fields(kind)]
    else:
        assert issubclass(kind, BaseModel)
        named = [
            (
                name,
                one.annotation,
                REQUIRED if one.is_required() else one.get_default(call_default_factory=True),
            )
            for name, one in kind.model_fields.items()
        ]
    for name, annotation, default in named:
        assert default is not MISSING
        inner = next((one for one in (annotation, *typing.get_args(annotation)) if is_part(one)), None)
        if inner is None or default is None or isinstance(default, tuple):
            yield above + name, default
        if inner is not None and (above + name) != "evaluation.data":
            yield from settings(inner, f"{above}{name}.")


def is_part(annotation: Any) -> bool:
    if not isinstance(annotation, type) or annotation in WHOLE:
        return False
    return is_dataclass(annotation) or issubclass(annotation, BaseModel)


def written(default: Any) -> str:
    """A default as the table has it."""
    if default is REQUIRED:
        return "required"
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, default))}]"
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default is None else str(default)


def test_every_setting_is_in_the_reference_with_its_default() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", (DOCUMENTS / "training.md").read_text(), re.MULTILINE)
    listed = {name: default.strip().strip("`") for name, default in rows}
    true = {name: written(default) for name, default in settings(TrainRecipe)}
    listed = {
        name: default for name, default in listed.items() if name.split(".")[0] in TrainRecipe.model_fields
    }
    assert listed.keys() == true.keys()
    assert listed == true


def commands(page: Path) -> list[list[str]]:
    """The arguments of every `irg` command in the page's blocks of shell commands."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[line.index("irg") + 1 :] for line in words if "irg" in line]


@pytest.mark.parametrize("page", ["training.md", "data.md", "bench-train.md"])
def test_commands_exist_with_their_options_and_recipes_take_their_overrides(page: str) -> None:
    found = commands(DOCUMENTS / page)
    assert len(found) >= 2
    for words in found:
        command: Any = typer.main.get_command(app)
        context = command.context_class(command)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
            context = command.context_class(command, parent=context)
        values, _, _ = command.make_parser(context).parse_args(words)
        if command.name == "train" and "recipe" in values:
            recipe = Path(__file__).parents[2] / values["recipe"]
            read_recipe(recipe, list(values["overrides"] or ()))
