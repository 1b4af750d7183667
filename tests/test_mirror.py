"""Tests are where one looks for them: those of src/irg/ROOM/FILE.py in tests/ROOM/test_FILE.py."""

from pathlib import Path

import pytest

SOURCE, TESTS = Path(__file__).parents[1] / "src" / "irg", Path(__file__).parent
ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
NO_CODE_OF_ITS_OWN = {"__init__.py": "names what others define"}


def missing(room: str) -> list[str]:
    """Files of a room, and of rooms within it, that have no tests."""
    files = [path.relative_to(SOURCE) for path in sorted((SOURCE / room).rglob("*.py"))]
    assert files, f"there is no room {room}"
    return [
        str(file)
        for file in files
        if file.name not in NO_CODE_OF_ITS_OWN and not (TESTS / file.parent / f"test_{file.name}").exists()
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_a_room_has_its_tests(room: str) -> None:
    assert missing(room) == []


def test_every_room_is_looked_at() -> None:
    assert {"core", "data", "engine", "model", "pipeline", "run", "stages", "world"} <= {*ROOMS}


def test_a_file_without_tests_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_mirror.SOURCE", tmp_path)
    for name in ("core/__init__.py", "core/packing.py", "core/untested.py", "core/inner/untested.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert missing("core") == ["core/inner/untested.py", "core/untested.py"]
