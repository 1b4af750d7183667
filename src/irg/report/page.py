"""Pages: every HTML file that irg writes is one template in one frame, with its pictures inside it.

The frame (`frame.html`) has the one style sheet and a policy by which nothing is loaded from elsewhere and
nothing runs. Templates escape all that is put into them, so that whatever a model or a data set put into a
text stays a text.
"""

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from irg.core.trace import png

_NUMBER = re.compile(r"[\d,.]+%?")


@dataclass(frozen=True)
class Heading:
    """What a page says first: what kind of thing it shows, its name, and facts in few words each."""

    kind: str
    name: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Inlined:
    """A picture inside the page: its bytes as an address, and its pixels."""

    address: str
    width: int
    height: int


def render(template: str, heading: Heading, content: Mapping[str, Any]) -> str:
    """A whole page. `template` is a file's place in this package and extends `report/frame.html`."""
    return fill(template, {**content, "heading": heading})


def fill(template: str, content: Mapping[str, Any]) -> str:
    """Any template with its content, which is escaped unless it is `Markup`."""
    return _environment().get_template(template).render(content)


def inlined(image: Image.Image) -> Inlined:
    """The picture as it is."""
    return _inlined(image, "png", png(image))


def thumbnail(image: Image.Image, side: int) -> Inlined:
    """The picture with at most so many pixels to a side."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=85)
    return _inlined(small, "webp", buffer.getvalue())


def plural(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _inlined(image: Image.Image, kind: str, data: bytes) -> Inlined:
    return Inlined(f"data:image/{kind};base64,{base64.b64encode(data).decode()}", image.width, image.height)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("irg", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["grouped"] = lambda cell: f"{cell:,}" if isinstance(cell, int) else cell
    made.tests["numeric"] = lambda cell: _NUMBER.fullmatch(str(cell)) is not None
    return made
