"""Judge templates, which are never shipped: they are found in the official source files, by their hash.

A file is read as Python is, and never run. Its strings are looked through for the one that has the known
hash, so that no line number and no name in it has to stay.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from irg.core.files import read_text


@dataclass(frozen=True)
class OfficialPlace:
    """Where something is filled into a text: the last name in the expression that stands there."""

    name: str


@dataclass(frozen=True)
class OfficialText:
    """A string of a source file, an f-string in pieces; `near` is the name that it is kept under there."""

    pieces: tuple[str | OfficialPlace, ...]
    near: str = ""

    @property
    def places(self) -> frozenset[str]:
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, OfficialPlace))

    @cached_property
    def sha256(self) -> str:
        """Of the text with each place filled by the first letter of its own name, as a capital."""
        return sha256(self.fill({name: name[0].upper() for name in self.places}).encode()).hexdigest()

    def fill(self, fields: Mapping[str, str]) -> str:
        return "".join(piece if isinstance(piece, str) else fields[piece.name] for piece in self.pieces)


@dataclass(frozen=True)
class Wanted:
    """A text to be found in a file: its hash, or, where another than the known one is allowed, how to tell
    it from the others."""

    words: str
    sha256: str
    alike: Callable[[OfficialText], bool]


def official_texts(
    path: Path, wanted: Mapping[str, Wanted], modified: bool = False
) -> dict[str, OfficialText]:
    """The wanted texts of a source file by their names.

    Raises ValueError where one is not there: without `modified` nothing but the known text is taken.
    """
    if not path.is_file():
        raise ValueError(f"{path}: the official file is not there, in which the judge's templates are")
    try:
        found = list(_texts(ast.parse(read_text(path))))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as broken:
        raise ValueError(f"{path} cannot be read as Python: {broken}") from broken
    return {name: _chosen(one, found, path, modified) for name, one in wanted.items()}


def _chosen(wanted: Wanted, found: list[OfficialText], path: Path, modified: bool) -> OfficialText:
    known = next((text for text in found if text.sha256 == wanted.sha256), None)
    if known is None and modified:
        known = next((text for text in found if wanted.alike(text)), None)
    if known is None:
        hint = "" if modified else ": --judge modified_templates=true takes another, and says so"
        raise ValueError(f"{path} holds no {wanted.words} of the known hash {wanted.sha256[:16]}{hint}")
    return known


def _texts(node: ast.AST, near: str = "") -> Iterator[OfficialText]:
    """All strings in the order of the source."""
    match node:
        case ast.Constant(value=str() as text):
            yield OfficialText((text,), near)
        case ast.JoinedStr(values=values):
            yield OfficialText(tuple(_piece(value) for value in values), near)
        case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value):
            yield from _texts(value, name)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                name = key.value if isinstance(key, ast.Constant) else None
                yield from _texts(value, name if isinstance(name, str) else near)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _texts(child, near)


def _piece(value: ast.expr) -> str | OfficialPlace:
    if isinstance(value, ast.Constant):
        return str(value.value)
    names = [
        name
        for part in ast.walk(value)
        if (name := part.id if isinstance(part, ast.Name) else getattr(part, "value", None))
        and isinstance(name, str)
    ]
    return OfficialPlace(names[-1]) if names else OfficialPlace("_")
