"""The head of a card: whose licence a set comes under."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from irg.publish.card_front import Title
from tests.publish.small import front_of, published, some, store


@pytest.mark.parametrize(
    ("given", "asked", "expected"),
    [
        (["Apache-2.0"], None, "apache-2.0"),
        (["MIT", "CC0-1.0"], None, ["cc0-1.0", "mit"]),
        (["MIT", "My own"], None, ["mit", "other"]),
        ([""], "CC-BY-4.0", "cc-by-4.0"),
    ],
)
def test_the_licence_is_the_prompts_unless_it_is_given(
    given: list[str], asked: str | None, expected: Any, tmp_path: Path
) -> None:
    traces = [one for name in given for one in [*some(2, {"licence": name})]]
    traces = [replace(one, id=f"id{number}") for number, one in enumerate(traces)]
    published(store(tmp_path / "in", traces), tmp_path / "out", Title("Set", asked))
    front = front_of(tmp_path / "out")
    assert front["license"] == expected
    assert ("license_name" in front) is ("other" in expected)


def test_without_a_licence_nothing_is_published(tmp_path: Path) -> None:
    source = store(tmp_path / "in", some(3))
    with pytest.raises(ValueError, match="3 of 3 traces do not say under which licence"):
        published(source, tmp_path / "out", Title("Set"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
