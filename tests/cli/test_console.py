"""Where the command line writes, and that what a model writes cannot steer the terminal."""

import json

import pytest

from irg.cli.console import err, out, print_json, printable
from irg.cli.options import Telling


def test_progress_goes_where_no_result_does() -> None:
    assert Telling(quiet=False, as_json=False).console is out
    assert Telling(quiet=False, as_json=True).console is err
    assert Telling(quiet=True, as_json=True).console.quiet and not out.quiet


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
