"""Names made of what they name."""

from typing import Any

import pytest

from irg.core.digest import digest_of


@pytest.mark.parametrize("other", [(1, "a"), ("a", "1"), ("a1",), ("a", 1, None)])
def test_a_digest_depends_on_parts_and_their_order(other: tuple[Any, ...]) -> None:
    assert digest_of("a", 1) == digest_of("a", 1) != digest_of(*other)
    assert len(digest_of("a", 1)) == 32


def test_a_digest_stays_what_it_is() -> None:
    """What earlier runs have stored is found by it."""
    assert digest_of("größer", {"b": 1.5, "a": [None, True]}) == "56a8c6b03143927cce5205b023f99a31"
    assert digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
