"""Templates: the words that teachers are asked with, in a file beside this one or in a user's own.

Each has a name, a version, a text for the system and one for the user. Its digest is part of the identity of
every stage that uses it, so that a changed word makes new records and never passes for an old one.
"""

import string
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from irg.core.digest import digest_of

FIELDS: dict[str, frozenset[str]] = {
    "propose": frozenset({"count", "subject"}),
    "think": frozenset({"prompt", "words"}),
    "think_from_picture": frozenset({"prompt", "words"}),
    "judge_questions": frozenset({"prompt", "most"}),
    "judge_checks": frozenset({"count", "questions"}),
    "judge_compare": frozenset({"prompt"}),
    "reflect": frozenset({"prompt", "findings"}),
    "improve": frozenset({"prompt"}),
    "improve_from_picture": frozenset({"prompt"}),
}
"""The templates that there are, and what is filled into each."""


@dataclass(frozen=True)
class Template:
    name: str
    version: int
    system: str
    user: str

    @cached_property
    def digest(self) -> str:
        return digest_of(self.name, self.version, self.system, self.user)

    @property
    def label(self) -> str:
        """Names the text exactly: what is asked with it is not taken for what was asked with another."""
        return f"{self.name}@{self.version}-{self.digest[:12]}"

    def fill(self, fields: dict[str, object]) -> tuple[str, str]:
        """The words for the system and those for the user. Braces in what is filled in mean nothing."""
        assert fields.keys() == FIELDS[self.name], f"{self.name} takes {sorted(FIELDS[self.name])}"
        return self.system.format_map(fields), self.user.format_map(fields)


@cache
def shipped() -> dict[str, Template]:
    """The package's own templates, by name."""
    text = files("irg.curate.teacher").joinpath("templates.yaml").read_text(encoding="utf-8")
    return _parsed(text, "templates.yaml")


def read_templates(path: Path | None) -> dict[str, Template]:
    """All templates by name: a user's own file (of the same form) in the place of what it names.

    Raises ValueError when the file is none of templates.
    """
    if path is None:
        return shipped()
    return shipped() | _parsed(path.read_text(encoding="utf-8"), str(path))


def _parsed(text: str, where: str) -> dict[str, Template]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as broken:
        raise ValueError(f"{where} is no YAML: {broken}") from broken
    if not isinstance(content, dict):
        raise ValueError(f"{where} holds {type(content).__name__}, expected templates by name")
    return {name: _template(name, parts, where) for name, parts in content.items()}


def _template(name: str, parts: Any, where: str) -> Template:
    if name not in FIELDS:
        raise ValueError(f"{where}: template {name!r} is not known, expected one of {', '.join(FIELDS)}")
    forms = {"version": int, "system": str, "user": str}
    if (
        not isinstance(parts, dict)
        or parts.keys() != forms.keys()
        or not all(isinstance(parts[part], form) for part, form in forms.items())
    ):
        raise ValueError(f"{where}: template {name}: expected a version (a number), system and user (texts)")
    template = Template(name, **parts)
    try:
        fields = {
            field
            for text in (template.system, template.user)
            for _, field, _, _ in string.Formatter().parse(text)
            if field is not None
        }
    except ValueError as broken:
        raise ValueError(f"{where}: template {name}: {broken}") from broken
    if unknown := fields - FIELDS[name]:
        raise ValueError(
            f"{where}: template {name} asks for {', '.join(sorted(unknown))}, expected of "
            f"{', '.join(sorted(FIELDS[name]))}"
        )
    return template
