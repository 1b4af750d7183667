"""Reading a file of settings: YAML, with `key=value` overrides from the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml


def read_settings(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The content of a YAML file, with overrides like `steps=100` or `modes.direct=0.5` (YAML values).

    Raises ValueError for what is not there, is not YAML, or has no keys.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise ValueError(f"{path}: no such recipe") from missing
    except (yaml.YAMLError, UnicodeDecodeError) as broken:
        raise ValueError(f"{path} is not valid YAML: {broken}") from broken
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no recipe: expected keys and values, got {type(content).__name__}")
    for override in overrides:
        _apply(content, override)
    return content


def _apply(content: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    if not equals:
        raise ValueError(f"override {override!r}: expected key=value")
    *parents, leaf = name.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise ValueError(f"override {override!r}: {parent} is {content!r}, which has no keys")
    try:
        content[leaf] = yaml.safe_load(value)
    except yaml.YAMLError as broken:
        raise ValueError(f"override {override!r} is not valid YAML: {broken}") from broken
