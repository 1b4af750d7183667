"""A judge of one's own behind a real local server, pictures to show it, and what was asked of it."""

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, Hearing, JudgeOptions, Shown, ShownPicture
from tests.endpoint.fake_server import Body, FakeServer


def options(server: FakeServer, folder: Path, **settings: str) -> JudgeOptions:
    """A judge at the server, with answers kept in `folder`, that waits for nothing."""
    about = {
        "base_url": server.url,
        "model": "judge",
        "key_env": "",
        "timeout": "5",
        "attempts": "3",
        "wait": "0.01",
    }
    return JudgeOptions(folder / "sources", folder / "kept", {**about, **settings})


def picture(colour: tuple[int, int, int]) -> ShownPicture:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, format="PNG")
    return ShownPicture(buffer.getvalue(), Path("x.png"))


def show(item: Item, *pictures: ShownPicture, turn: int = 1) -> Shown:
    return Shown(item, turn, dict(enumerate(pictures)))


def hearing(shown: Shown, rows: Iterable[EvidenceRow]) -> Hearing:
    shas = {number: one.sha256 for number, one in shown.pictures.items()}
    return Hearing(shown.item.id, shown.turn, shas, {}, tuple(rows))


def words(body: Body) -> str:
    """All text of the user's message in a request."""
    content = body["messages"][-1]["content"]
    return "".join(part.get("text", "") for part in content) if isinstance(content, list) else content


def shown_bytes(body: Body) -> list[bytes]:
    """The pictures in a request."""
    parts: list[Mapping[str, Any]] = [
        part for message in body["messages"] for part in message["content"] if isinstance(part, dict)
    ]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]
