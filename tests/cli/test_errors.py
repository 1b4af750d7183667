"""What a user reads of an error, and who keeps its traceback."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from irg.cli.app import app
from irg.cli.errors import EXTRAS, explain
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


class TestErrors:
    @pytest.fixture
    def failing(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
        """Makes `irg info` raise what is put into the list."""
        errors: list[BaseException] = []

        def fail(checkpoint: str | None = None) -> None:
            raise errors[0]

        command = next(known for known in app.registered_commands if known.name == "info")
        monkeypatch.setattr(command, "callback", fail)
        yield errors

    def test_an_expected_error_is_one_line(self, failing: list[BaseException], run: Run) -> None:
        failing.append(ValueError("7 is not [red]enough"))
        result = run("info")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == "error: 7 is not [red]enough\n"

    def test_debug_keeps_its_traceback(
        self, failing: list[BaseException], run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing.append(ValueError("7"))
        with pytest.raises(ValueError, match="7"):
            run("--debug", "info")
        monkeypatch.setenv("IRG_DEBUG", "1")
        with pytest.raises(ValueError, match="7"):
            run("info")

    def test_our_own_mistakes_keep_theirs(self, failing: list[BaseException], run: Run) -> None:
        failing.append(AssertionError("ours"))
        with pytest.raises(AssertionError, match="ours"):
            run("info")

    def test_a_file_error_names_the_file(self, failing: list[BaseException], run: Run) -> None:
        failing.append(PermissionError(13, "Permission denied", "some/file"))
        assert run("info").stderr == "error: some/file: Permission denied\n"

    def test_out_of_memory_says_what_helps(self, failing: list[BaseException], run: Run) -> None:
        failing.append(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
        assert "--dtype bfloat16" in run("info").stderr

    def test_an_interrupt_is_130(self, failing: list[BaseException], run: Run) -> None:
        failing.append(KeyboardInterrupt())
        result = run("info")
        assert result.exit_code == 130 and "interrupted" in result.stderr


def test_a_missing_extra_is_named() -> None:
    missing = explain(ModuleNotFoundError("No module named 'peft.tuners'", name="peft.tuners"))
    assert missing == "this needs peft, which is not installed: pip install 'irg[train]'"
    assert explain(ModuleNotFoundError("No module named 'irg.nothing'", name="irg.nothing")) is None


def test_extras_are_those_of_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, packages in EXTRAS.items():
        names = {re.split(r"[\[<>=]", one)[0].replace("-", "_") for one in declared[extra]}
        assert set(packages) <= names, extra
