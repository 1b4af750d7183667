"""A trace as a notebook shows it: a row of thoughts and pictures, which needs nothing from elsewhere."""

import base64
import io
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, Template
from PIL import Image

if TYPE_CHECKING:
    from irg.core.trace import Trace

SIDE = 256
"""Pictures are shown with at most so many pixels a side."""

_TEMPLATE = """<div style="font-family: sans-serif; font-size: 13px; line-height: 1.4">
<p dir="auto" style="font-size: 15px; font-weight: 600; margin: 4px 0">{{ trace.prompt }}</p>
<div style="display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start">
{% if trace.source %}
<figure style="margin: 0"><img alt="source" src="{{ address(trace.source) }}">
<figcaption style="opacity: .6">source</figcaption></figure>
{% endif %}
{% for turn in trace.turns %}
{% if turn.thought is not none %}
<div dir="auto" style="max-width: 22em; max-height: {{ side }}px; overflow: auto; white-space: pre-wrap">
{{- turn.thought -}}
</div>
{% endif %}
<figure style="margin: 0"><img alt="image {{ loop.index }}" src="{{ address(turn.image) }}">
<figcaption style="opacity: .6">image {{ loop.index }}
{%- if turn.given %}, given{% endif %}
{%- if turn.verdict %}: {{ "matches the prompt" if turn.verdict.correct
  else turn.verdict.flaws | join("; ") or "does not match the prompt" }}{% endif -%}
</figcaption></figure>
{% endfor %}
</div>
<p style="opacity: .6; margin: 4px 0">seed {{ trace.seed }}
{%- if trace.model.name %}, model {{ trace.model.name }}{% endif %}</p>
</div>
"""


def html_of(trace: "Trace") -> str:
    """The trace as HTML, all texts escaped, with its pictures, made small, inside it."""
    return _template().render(trace=trace, address=_address, side=SIDE)


@cache
def _template() -> Template:
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_TEMPLATE)


def _address(image: Image.Image) -> str:
    small, buffer = image.convert("RGB"), io.BytesIO()
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    small.save(buffer, format="WEBP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
