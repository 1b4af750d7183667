"""Items: the prompts of a benchmark, with all that decides what is drawn for them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
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
