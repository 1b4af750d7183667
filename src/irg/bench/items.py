"""Items: the prompts of a benchmark, with all that decides what is drawn for them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from irg.core.digest import digest_of


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt: the seed of each picture to be drawn of it, and what its judge and the report have to know.

    A picture has a seed of its own, so that it depends neither on its batch nor on what was drawn before.
    """

    id: str
    prompt: str
    seeds: tuple[int, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


def fingerprint(content: Any) -> str:
    """A hash of items, or of anything else that is JSON: runs of one hash were asked for the same."""
    text = json.dumps(content, sort_keys=True, default=asdict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def some_of(items: Sequence[Item], count: int | None) -> list[Item]:
    """So many of the items in their order, chosen by the hashes of their names: every kind has about its
    share, and more of them hold those that fewer did."""
    taken = {item.id for item in sorted(items, key=lambda item: digest_of(item.id))[:count]}
    return [item for item in items if item.id in taken]


def seeds_of(benchmark: str, item: str, count: int) -> tuple[int, ...]:
    """Seeds for the pictures of an item that depend on nothing but these names, below 2**32."""
    return tuple(int(digest_of(benchmark, item, number)[:8], 16) for number in range(count))
