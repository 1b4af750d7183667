"""Tests are where one looks for them: those of src/irg/ROOM/FILE.py in tests/ROOM/test_FILE.py."""

from pathlib import Path

import pytest

SOURCE, TESTS = Path(__file__).parents[1] / "src" / "irg", Path(__file__).parent
ROOMS = ("bench", "cli", "core", "data", "engine", "model", "pipeline", "prep", "report", "train", "world")
"""Those of which it is so for every file."""
NO_CODE_OF_ITS_OWN = {"__init__.py": "names what others define"}


def missing(room: str) -> list[str]:
    files = sorted((SOURCE / room).glob("*.py"))
    assert files, f"there is no room {room}"
    return [
        file.name
        for file in files
        if file.name not in NO_CODE_OF_ITS_OWN and not (TESTS / room / f"test_{file.name}").exists()
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_a_room_has_its_tests(room: str) -> None:
    assert missing(room) == []


def test_a_file_without_tests_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_mirror.SOURCE", tmp_path)
    (tmp_path / "core").mkdir()
    for name in ("__init__.py", "packing.py", "untested.py"):
        (tmp_path / "core" / name).touch()
    assert missing("core") == ["untested.py"]
