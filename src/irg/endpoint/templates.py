"""Templates: the words that a model is asked with, in YAML.

Each has a name, a version, a text for the system and one for the user. Its digest is part of the identity of
every stage that uses it, so that a changed word makes new records and never passes for an old one.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
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


def parse_templates(text: str, where: str, known: Mapping[str, frozenset[str]]) -> dict[str, Template]:
    """The templates of a text by name; `known` says which there are, and what is filled into each.

    Raises ValueError, naming `where`, for what is none.
    """
    content = parse_yaml(text, where)
    if not isinstance(content, dict):
        raise ValueError(f"{where} holds {type(content).__name__}, expected templates by name")
    return {name: _template(name, parts, where, known) for name, parts in content.items()}


class _Words(BaseSettings):
    version: StrictInt
    system: str
    user: str


def _template(name: str, parts: Any, where: str, known: Mapping[str, frozenset[str]]) -> Template:
    if name not in known:
        raise ValueError(f"{where}: template {name!r} is not known, expected one of {', '.join(known)}")
    words = checked(_Words, parts, f"{where}: template {name}")
    template = Template(name, **vars(words), fields=known[name])
    try:
        texts = (template.system, template.user)
        parsed = [piece for text in texts for piece in string.Formatter().parse(text)]
    except ValueError as broken:
        raise ValueError(f"{where}: template {name}: {broken}") from broken
    asked = {wanted for _, wanted, _, _ in parsed if wanted is not None}
    if unknown := asked - template.fields:
        raise ValueError(
            f"{where}: template {name} asks for {', '.join(sorted(unknown))}, expected of "
            f"{', '.join(sorted(template.fields))}"
        )
    return template
