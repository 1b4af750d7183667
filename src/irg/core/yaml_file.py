"""Reading YAML that somebody else may have written: what no settings need is refused before it is built.

Tags, aliases that multiply or contain themselves, deep nesting, numbers of many digits and files of megabytes
are errors that say where they stand; none of them takes noticeable time or memory.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

MOST_CHARACTERS = 256 * 1024
MOST_VALUES = 10_000
"""Keys and values together, with what aliases repeat."""
MOST_LEVELS = 50
_MOST_DIGITS = 64
_NUMBERS = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp")}


def parse_yaml(text: str, name: str) -> Any:
    """The content of a YAML text. Raises ValueError, beginning with `name`, for what is none."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{name} is too long: expected at most {MOST_CHARACTERS:,} characters")
    try:
        fault = _fault(yaml.SafeLoader(text))
        content = None if fault else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as broken:  # ValueError: a date such as 2024-13-45
        raise ValueError(f"{name} is not valid YAML: {broken}") from broken
    if fault:
        raise ValueError(f"{name} {fault}")
    return content


def read_mapping(path: Path, what: str) -> tuple[dict[str, Any], str]:
    """The content of a file that holds keys and values, and its text. Raises ValueError for another, saying
    that it is no `what`."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except UnicodeDecodeError as broken:
        raise ValueError(f"{path} is not valid YAML: {broken}") from broken
    content = parse_yaml(text, str(path))
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no {what}: expected keys and values, got {type(content).__name__}")
    return content, text


def lines_of(text: str) -> Mapping[tuple[int | str, ...], int]:
    """The line, counted from 1, on which each key and item of a text stands that `parse_yaml` has read."""
    root = yaml.compose(text, yaml.SafeLoader)
    return {} if root is None else dict(_lines(root, ()))


def _lines(node: yaml.Node, place: tuple[int | str, ...]) -> Iterator[tuple[tuple[int | str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, key.value)
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*place, index), value.start_mark.line + 1
            yield from _lines(value, (*place, index))


def _fault(loader: yaml.SafeLoader) -> str | None:
    """What is refused of a text, told from its events: nothing is built, and nothing recurs."""
    sizes: dict[str | None, int] = {}  # values in what an anchor names
    opened: list[tuple[str | None, int]] = []  # the anchor of each level, and what was counted before it
    count = 0
    while loader.check_event():
        event = loader.get_event()
        place = f"(line {event.start_mark.line + 1})"
        match event:
            case yaml.AliasEvent():
                if any(anchor == event.anchor for anchor, _ in opened):
                    return f"has an alias *{event.anchor} inside of what it names {place}"
                count += sizes.get(event.anchor, 1)
            case yaml.ScalarEvent() | yaml.CollectionStartEvent() if event.tag is not None:
                return f"has a tag {event.tag} {place}: expected none"
            case yaml.ScalarEvent():
                if _is_long_number(loader, event):
                    return f"has a number of {len(event.value):,} characters {place}"
                count += 1
                sizes[event.anchor] = 1
            case yaml.CollectionStartEvent():
                opened.append((event.anchor, count))
                count += 1
            case yaml.CollectionEndEvent():
                anchor, before = opened.pop()
                sizes[anchor] = count - before
        if len(opened) > MOST_LEVELS:
            return f"is nested too deep {place}: expected at most {MOST_LEVELS} levels"
        if count > MOST_VALUES:
            return f"has too many values {place}: expected at most {MOST_VALUES:,}, with what aliases repeat"
    return None


def _is_long_number(loader: yaml.SafeLoader, event: yaml.ScalarEvent) -> bool:
    if len(event.value) <= _MOST_DIGITS:
        return False
    return loader.resolve(yaml.ScalarNode, event.value, event.implicit) in _NUMBERS
