"""Where results and messages are written, and that what a model or a file says cannot steer the terminal."""

import io
import json
import sys

import pytest
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from irg.terminal import Terminal, out, print_json, printable

WILD = "\x1b[31mred\u202e\x9bder"
SHOWN = "\ufffd[31mred\ufffd\ufffdder"


def test_json_is_not_wrapped_to_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    content = {"prompt": "größer [bold]" + "x" * 100, "turns": [1, 2]}
    print_json(content)
    shown = capsys.readouterr().out
    assert json.loads(shown) == content and "größer [bold]" in shown


def test_control_characters_are_replaced() -> None:
    assert printable("a\tb\n") == "a\tb\n"
    assert printable("\x1b[31mred\x07\u202eder") == "\ufffd[31mred\ufffd\ufffdder"


def test_nothing_that_is_printed_steers_the_terminal() -> None:
    table = Table(WILD)
    table.add_row(WILD)
    for one in (WILD, Text(WILD, "bold"), Text.assemble("said: ", (WILD, "dim")), table):
        file = io.StringIO()
        console = Terminal(file=file, force_terminal=True, color_system=None, width=100)
        console.print(one, markup=False)
        console.out(WILD)
        shown = file.getvalue()
        assert SHOWN in shown and not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


def test_colours_and_bars_are_still_drawn() -> None:
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=True, color_system="standard", width=100)
    console.print("fine", style="bold")
    with Progress(console=console) as bars:
        bars.add_task(WILD, total=2)
    shown = file.getvalue()
    assert "\x1b[1mfine" in shown and "\ufffd[31mred" in shown and "\x1b[31m" not in shown


def test_json_keeps_its_values_without_showing_what_steers(capsys: pytest.CaptureFixture[str]) -> None:
    content = {"prompt": WILD + "größe \N{GRINNING FACE}\u200d\U000e0001"}
    print_json(content)
    shown = capsys.readouterr().out
    assert json.loads(shown) == content and "größe \N{GRINNING FACE}" in shown
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


def test_results_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    out.print("here")
    assert capsys.readouterr() == ("here\n", "") and out.file is sys.stdout
