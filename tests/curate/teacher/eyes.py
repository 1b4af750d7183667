"""A teacher with eyes, for the fake server: it looks at the pictures that it is really sent.

To it a picture is better the brighter it is, a question is passed by one that is bright, and two pictures
mean the same unless one of them is blue.
"""

import base64
import io
import json
import re
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageStat

from irg.core.picture import Picture
from irg.curate.records import TraceRecord
from tests.endpoint.fake_server import made_up

DARK, GREY, BRIGHT, BLUE = (20, 20, 20), (120, 120, 120), (240, 240, 240), (0, 0, 255)


def picture(colour: tuple[int, int, int]) -> Picture:
    return Picture.of(Image.new("RGB", (16, 16), colour))


def record(index: int = 0, prompt: str = "a bright thing", **parts: Any) -> TraceRecord:
    return TraceRecord(f"id {index}", index, prompt, **parts)


def pair(first: tuple[int, int, int], second: tuple[int, int, int], index: int = 0) -> TraceRecord:
    return record(index, image1=picture(first), image2=picture(second))


def look(body: dict[str, Any]) -> str:
    """What the teacher says to a request."""
    shape, pictures = shape_of(body), _pictures(body)
    if shape == "Questions":
        return json.dumps({"questions": ["Is it bright?", "Is it there at all?"]})
    if shape == "Checklist":
        bright = _brightness(pictures[0]) > 200
        first = {"seen": "a light area" if bright else "only shadow", "passed": bright}
        return json.dumps({"answers": [first, {"seen": "something", "passed": True}]})
    if shape == "Comparison":
        first, second = (_brightness(image) for image in pictures)
        better = "equal" if first == second else "first" if first > second else "second"
        same = all(_mean(image)[2] < 250 for image in pictures)
        return json.dumps({"difference": "light", "same_meaning": same, "better": better})
    if shape == "FourParts":
        return json.dumps(
            {
                "falls_short": "It is too dark ",
                "changes": [{"change": "Add light", "reason": "because nothing can be seen."}],
                "steps": ["Open the window.", "Paint the wall white"],
                "better_prompt": "A bright thing in a white room.",
            }
        )
    return made_up(body)


def biased(body: dict[str, Any]) -> str:
    """A judge that likes whatever comes second."""
    if shape_of(body) == "Comparison":
        return json.dumps({"difference": "taste", "same_meaning": True, "better": "second"})
    return look(body)


def shape_of(body: dict[str, Any]) -> str:
    return body.get("response_format", {}).get("json_schema", {}).get("name", "")


def words_of(body: dict[str, Any]) -> str:
    """All that the last message says."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def first_wrong(right: Callable[[dict[str, Any]], str], wrong: str) -> Callable[[dict[str, Any]], str]:
    """Says something wrong until it is corrected."""
    return lambda body: right(body) if "cannot be used" in words_of(body) else wrong


def _pictures(body: dict[str, Any]) -> list[Image.Image]:
    urls = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", json.dumps(body["messages"]))
    return [Image.open(io.BytesIO(base64.b64decode(url))).convert("RGB") for url in urls]


def _brightness(image: Image.Image) -> float:
    return sum(_mean(image)) / 3


def _mean(image: Image.Image) -> list[float]:
    return ImageStat.Stat(image).mean
