"""The words that teachers are asked with, in a file beside this one or in a user's own."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from irg.core.files import read_text
from irg.endpoint.templates import Template, parse_templates


@cache
def shipped() -> dict[str, Template]:
    """The package's own templates, by name."""
    text = files("irg.curate.teacher").joinpath("templates.yaml").read_text(encoding="utf-8")
    return parse_templates(text, "templates.yaml")


def read_templates(path: Path | None) -> dict[str, Template]:
    """All templates by name: a user's own file (of the same form) in the place of what it names. Into its
    templates is filled what is filled into ours.

    Raises ValueError when the file is none of templates.
    """
    if path is None:
        return shipped()
    return shipped() | parse_templates(read_text(path), str(path), shipped())
