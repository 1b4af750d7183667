"""Names made of what they name."""

from pathlib import Path
from typing import Any

import pytest

from irg.core.digest import content_of, digest_of


@pytest.mark.parametrize("other", [(1, "a"), ("a", "1"), ("a1",), ("a", 1, None)])
def test_a_digest_depends_on_parts_and_their_order(other: tuple[Any, ...]) -> None:
    assert digest_of("a", 1) == digest_of("a", 1) != digest_of(*other)
    assert len(digest_of("a", 1)) == 32


def test_a_digest_stays_what_it_is() -> None:
    """What earlier runs have stored is found by it."""
    assert digest_of("größer", {"b": 1.5, "a": [None, True]}) == "56a8c6b03143927cce5205b023f99a31"
    assert digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})


def test_the_content_of_a_file_is_no_matter_of_its_place_or_time(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for size in (0, 5, 3 << 20):
        one.write_bytes(bytes(size))
        other.write_bytes(bytes(size))
        assert content_of(one) == content_of(other) != content_of_changed(other, b"x", size)


@pytest.mark.parametrize("place", [0, 1 << 19, 1 << 20, 5 << 20, (8 << 20) - 1])
def test_the_content_of_a_large_file_is_seen_at_its_ends_and_in_places(tmp_path: Path, place: int) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(8 << 20))
    before = content_of(file), content_of(file, [5 << 20])
    after = content_of_changed(file, b"x", place), content_of(file, [5 << 20])
    assert before[0] != after[0] and (before[1] != after[1]) == (place != 1 << 20)


def content_of_changed(file: Path, new: bytes, place: int) -> str:
    with file.open("r+b") as opened:
        opened.seek(place)
        opened.write(new)
    return content_of(file)
