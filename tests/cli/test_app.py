import ast
import inspect
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import irg.cli
from irg import __version__
from irg.cli.app import app
from irg.cli.compare import Contest
from irg.cli.guiding import Guiding
from irg.cli.options import ModelChoice, Overrides, Telling
from irg.cli.order import Order
from tests.cli.conftest import ENVIRONMENT, Run


def commands() -> Iterator[tuple[str, object]]:
    """Every command of the program, by name, subcommands included."""

    def walk(name: str, command: object) -> Iterator[tuple[str, object]]:
        yield name, command
        for below, subcommand in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {below}", subcommand)

    return walk("irg", get_command(app))


COMMANDS = dict(commands())


def names_read(function: object) -> set[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    body = [node for statement in tree.body[0].body for node in ast.walk(statement)]  # type: ignore[attr-defined]
    return {node.id for node in body if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_goes_unread(name: str) -> None:
    command = COMMANDS[name]
    callback = inspect.unwrap(command.callback) if command.callback else None  # type: ignore[attr-defined]
    if callback is None:
        return
    # An option with a callback of its own is read there.
    own = {parameter.name for parameter in command.params if parameter.callback}  # type: ignore[attr-defined]
    parameters = set(inspect.signature(callback).parameters) - own
    assert parameters <= names_read(callback), f"irg {name}: options that nobody reads"


@pytest.mark.parametrize("group", [Contest, Guiding, ModelChoice, Order, Overrides, Telling])
def test_no_option_of_a_group_goes_unread(group: type) -> None:
    sources = Path(irg.cli.__file__).parent.glob("*.py")
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert {option.name for option in fields(group)} <= read


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches(name: str, run: Run) -> None:
    result = run(*name.split()[1:], "--help")
    assert result.exit_code == 0
    for parameter in COMMANDS[name].params:  # type: ignore[attr-defined]
        assert parameter.help or parameter.name == "help", f"{parameter.name} is not explained"
    if not hasattr(COMMANDS[name], "commands"):
        assert "Examples" in result.stdout


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"irg {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, irg.cli.app; print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=ENVIRONMENT) == "[]\n"


def test_the_module_runs_too() -> None:
    assert __version__ in subprocess.check_output(
        [sys.executable, "-m", "irg", "--version"], text=True, env=ENVIRONMENT
    )


def test_every_command_is_registered_once() -> None:
    assert isinstance(app, typer.Typer)
    assert len(COMMANDS) == len(set(COMMANDS)) > 4


def test_a_terminal_of_another_encoding_shows_what_it_can() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "irg", "info", "nowhere-\N{GREEK SMALL LETTER OMEGA}"],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 2 and b"nowhere-\\u03c9" in ran.stderr and b"Traceback" not in ran.stderr
