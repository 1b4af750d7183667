"""Templates: the words that a model is asked with, in YAML.

Each has a name, a version, a text for the system and one for the user. Its digest is part of the identity of
every stage that uses it, so that a changed word makes new records and never passes for an old one.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import StrictInt

from irg.core.digest import digest_of
from irg.core.settings import BaseSettings, checked
from irg.core.yaml_file import parse_yaml


@dataclass(frozen=True)
class Template:
    name: str
    version: int
    system: str
    user: str
    fields: frozenset[str] = field(compare=False)
    """What is filled into it."""

    @cached_property
    def digest(self) -> str:
        return digest_of(self.name, self.version, self.system, self.user)

    @property
    def label(self) -> str:
        """Names the text exactly: what is asked with it is not taken for what was asked with another."""
        return f"{self.name}@{self.version}-{self.digest[:12]}"

    def fill(self, fields: dict[str, object]) -> tuple[str, str]:
        """The words for the system and those for the user. Braces in what is filled in mean nothing."""
        assert fields.keys() == self.fields, f"{self.name} takes {sorted(self.fields)}"
        return self.system.format_map(fields), self.user.format_map(fields)


def parse_templates(
    text: str, where: str, known: Mapping[str, Template] | None = None
) -> dict[str, Template]:
    """The templates of a text by name. They are to take the place of some that are `known`, and can ask for
    nothing more than those.

    Raises ValueError, naming `where`, for what is none.
    """
    content = parse_yaml(text, where)
    if not isinstance(content, dict):
        raise ValueError(f"{where} holds {type(content).__name__}, expected templates by name")
    templates = {name: _template(name, parts, where) for name, parts in content.items()}
    return (
        templates if known is None else {name: _fitted(one, where, known) for name, one in templates.items()}
    )


class _Words(BaseSettings):
    version: StrictInt
    system: str
    user: str


def _template(name: str, parts: Any, where: str) -> Template:
    words = checked(_Words, parts, f"{where}: template {name}")
    try:
        parsed = [piece for text in (words.system, words.user) for piece in string.Formatter().parse(text)]
    except ValueError as broken:
        raise ValueError(f"{where}: template {name}: {broken}") from broken
    fields = frozenset(wanted for _, wanted, _, _ in parsed if wanted is not None)
    return Template(name, **vars(words), fields=fields)


def _fitted(mine: Template, where: str, known: Mapping[str, Template]) -> Template:
    if mine.name not in known:
        raise ValueError(f"{where}: template {mine.name!r} is not known, expected one of {', '.join(known)}")
    fields = known[mine.name].fields
    if unknown := mine.fields - fields:
        raise ValueError(
            f"{where}: template {mine.name} asks for {', '.join(sorted(unknown))}, expected of "
            f"{', '.join(sorted(fields))}"
        )
    return replace(mine, fields=fields)
