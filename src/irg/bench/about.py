"""What a run says of itself, in a file that others may have written."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field, NonNegativeInt

from irg.core.settings import BaseSettings


class _Counted(BaseSettings):
    model_config = ConfigDict(extra="allow")

    count: int
    of: int
    fingerprint: str


class _Deciding(BaseSettings):
    model_config = ConfigDict(extra="allow")

    trees: dict[NonNegativeInt, str] = Field(default_factory=dict)


class _Model(BaseSettings):
    model_config = ConfigDict(extra="allow")

    name: str


class _Sources(BaseSettings):
    hashes: dict[str, str]
    modified: list[str]


class RunAbout(BaseSettings):
    """What every run says of itself, for those that others may have written."""

    model_config = ConfigDict(extra="allow")

    benchmark: str
    version: int
    irg: str
    date: str
    items: _Counted
    mode: str | None
    turns: list[NonNegativeInt]
    series: list[str]
    deciding: _Deciding
    model: _Model
    sources: _Sources


def differing(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Which of these are not the same; of what decides on pictures the parts."""
    found = []
    for name in names:
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += [part for part in {**old, **new} if old.get(part) != new.get(part)]
        elif old != new:
            found.append(name)
    return found
