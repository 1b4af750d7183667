"""The page for people: a few files by hand, which need no build, and facts about the model.

What the page may do is bounded by its policy: it runs its own scripts alone, asks nobody but this server, and
no other page may frame it. Whatever a model wrote is set as text.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from irg.model import ModelConfig
from irg.pipeline import Settings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_FILES = {
    "/": ("text/html; charset=utf-8", "serve/static/index.html"),
    "/page.css": (_STYLE, "report/style.css", "serve/static/page.css"),
    "/page.js": (_SCRIPT, "serve/static/page.js"),
    "/view.js": (_SCRIPT, "serve/static/view.js"),
    "/server.js": (_SCRIPT, "serve/static/server.js"),
    "/archive.js": (_SCRIPT, "serve/static/archive.js"),
}
"""The type of each, and what it is put together from: the page has the style of all that irg writes."""
PATHS = tuple(_FILES)
_EXAMPLES = {
    "scenes": {
        "draw": (
            "three red stars and two blue hearts",
            "a green star above a yellow circle",
            "a large purple square to the left of an orange triangle",
            "four small pink hearts",
        ),
        "edit": ("make the circle red", "make the square top-right yellow"),
        "ask": ("How many circles are there?", "What colour is the star?"),
    },
    None: {
        "draw": (
            "a fox in the snow, morning light",
            "a red bicycle leaning on a blue door, a cat asleep in its basket",
            "three origami cranes on a wooden table, soft window light",
        ),
        "edit": ("make it winter", "replace the background with a beach at sunset"),
        "ask": ("What is in this picture?", "What is written on the sign?"),
    },
}
"""By the closed world of prompts that a model knows."""


@dataclass(frozen=True)
class Asset:
    """A file of the page, as it is sent."""

    content: bytes
    headers: dict[str, str]


@cache
def asset(path: str) -> Asset:
    """The file at one of `PATHS`."""
    kind, *names = _FILES[path]
    content = b"".join((files("irg") / name).read_bytes() for name in names)
    headers = {"content-type": kind, "content-security-policy": POLICY, "cache-control": "no-cache"}
    return Asset(content, headers)


def facts(model: str, settings: Settings, config: ModelConfig, most_turns: int) -> dict[str, Any]:
    """What the page offers of a model: its name, sizes with the usual one first, turns, examples."""
    return {
        "model": model,
        "sizes": _sizes(settings, config),
        "turns": min(settings.turns, most_turns),
        "most_turns": most_turns,
        "examples": _EXAMPLES[settings.world],
    }


def _sizes(settings: Settings, config: ModelConfig) -> list[str]:
    """The usual size, and what is lower, narrower and smaller by a quarter."""
    unit = config.pixels_per_latent

    def less(side: int) -> int:
        return max(unit, side * 3 // 4 // unit * unit)

    width, height = settings.width, settings.height
    sizes = ((width, height), (width, less(height)), (less(width), height), (less(width), less(height)))
    return list(dict.fromkeys(f"{wide}x{high}" for wide, high in sizes))
