import pytest

from irg.bench.known import PLACES


@pytest.fixture
def known_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small benchmark can be had by its name."""
    monkeypatch.setitem(PLACES, "colours", "tests.bench.small:COLOURS")
