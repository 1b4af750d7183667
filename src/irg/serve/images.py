"""POST /v1/images/generations and /v1/images/edits: of each episode the last picture.

Where previews are asked for, the pictures of the turns before it are the first of them.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image
from starlette.datastructures import FormData, UploadFile

from irg.core.events import ThoughtDone
from irg.core.files import parse_json
from irg.serve.asked import Asked, Contents, Manner
from irg.serve.asking import Asker
from irg.serve.course import WordsWanted
from irg.serve.fields import EditBody, GenerationBody, understood
from irg.serve.pictures import Encoding
from irg.serve.protocol import Ended, PictureDone, PictureProgress, Said
from irg.serve.refusals import Refused, invalid
from irg.serve.streams import event

_FILES = ("image", "image[]")


def asked(asker: Asker, body: GenerationBody | EditBody, sources: Sequence[bytes], owner: str) -> list[Asked]:
    """What a request asks of the engine: an episode for each picture, with seeds that count up. Raises
    Refused."""
    num = body.n or 1
    if body.stream and num > 1:
        raise invalid("a stream draws one picture", "n")
    shown: list[str | Image.Image] = [asker.picture(source, "image") for source in sources]
    contents, first = Contents((*shown, body.prompt)), body.seed or 0
    found = []
    for number in range(num):
        drawing = body.model_copy(update={"seed": first + number})
        one = asker.episode(contents, Manner(drawing, body, body.size or "auto"), owner)
        if one.answers:
            which = "that requests go by here" if body.plan is None else body.plan
            raise invalid(f"the plan {which} draws no picture", "plan")
        found.append(_with_previews(one, body.partial_images or 0))
    return found


def _with_previews(asked: Asked, num: int) -> Asked:
    """Shown so many times before it is done; earlier pictures count."""
    what, before = asked.wanted.what, asked.outline.num_images - 1
    assert not isinstance(what, WordsWanted)
    shown = (*[0] * before, num - min(num, before))
    return replace(asked, wanted=replace(asked.wanted, what=replace(what, previews=shown)))


async def read_form(form: FormData) -> tuple[EditBody, list[bytes]]:
    """The fields and the pictures of a form, as OpenAI's client sends it. Raises Refused."""
    content: dict[str, Any] = {}
    sources = []
    for name, value in form.multi_items():
        if name in _FILES:
            if not isinstance(value, UploadFile):
                raise invalid("expected a file", "image")
            sources.append(await value.read())
        elif isinstance(value, UploadFile):
            raise invalid(f"{name}: there is no such file to send; pictures are called image", name)
        else:
            _put(content, name, value)
    if not sources:
        raise invalid("there is no picture to edit", "image", "missing_required_parameter")
    return understood(EditBody, content), sources


def _put(content: dict[str, Any], name: str, value: str) -> None:
    """A field; `guidance[text_scale]` is one within another, as clients write it into forms."""
    if name in content:
        raise invalid(f"{name}: it is in the form twice", name)
    outer, bracket, inner = name.partition("[")
    if bracket and inner.endswith("]") and isinstance(content.setdefault(outer, {}), dict):
        content[outer][inner[:-1]] = value
    elif name == "guidance":
        try:
            content[name] = parse_json(value, name)
        except ValueError as wrong:
            raise invalid(f"guidance {value[:80]!r}: expected JSON", name) from wrong
    else:
        content[name] = value


@dataclass(eq=False)
class PictureWriter:
    """The last picture of an episode."""

    body: GenerationBody | EditBody
    asked: Asked
    created: int = field(default_factory=lambda: int(time.time()))
    thought: str | None = None
    picture: bytes | None = None
    kept: bool = False
    """A last reflection found nothing to mend in it."""
    num_text: int = 0
    num_drawn: int = 0
    _turns: int = 0
    """That were drawn."""
    _shown: int = 0
    """Previews that were sent."""

    @property
    def encoding(self) -> Encoding:
        quality = self.body.output_compression
        return Encoding(self.body.output_format or "png", 100 if quality is None else quality)

    @property
    def kind(self) -> str:
        return "image_edit" if isinstance(self.body, EditBody) else "image_generation"

    def begin(self) -> Iterable[bytes]:
        return ()

    def take(self, said: Said) -> Iterator[bytes]:
        match said:
            case ThoughtDone():
                self.thought, self.num_text = said.text, self.num_text + said.num_tokens
            case PictureProgress(preview=bytes(preview)):
                yield self._preview(preview)
            case PictureDone(data=data):
                self.picture, self._turns, self.kept = data, self._turns + 1, said.kept
                self.num_drawn += said.num_tokens
                left = self.asked.outline.num_images - self._turns
                if 0 < left <= (self.body.partial_images or 0):
                    yield self._preview(data)
            case Ended():
                if self.picture is None:
                    said_instead = f", but to these words: {said.answer}" if said.answer else ""
                    raise Refused(422, "no_picture", f"the plan came to no picture{said_instead}")
                done = {**self._event("completed", self.picture), "usage": self.usage()}
                yield event(done, f"{self.kind}.completed")

    def fail(self, error: Refused) -> Iterator[bytes]:
        yield b"event: error\ndata: " + error.body + b"\n\n"

    def usage(self) -> dict[str, Any]:
        given, made = self.asked.num_tokens, self.num_text + self.num_drawn
        return {
            "input_tokens": given,
            "input_tokens_details": {"text_tokens": given, "image_tokens": 0},
            "output_tokens": made,
            "output_tokens_details": {"text_tokens": self.num_text, "image_tokens": self.num_drawn},
            "total_tokens": given + made,
        }

    def whole(self) -> dict[str, Any]:
        return joined([self])

    def _preview(self, data: bytes) -> bytes:
        content = {**self._event("partial_image", data), "partial_image_index": self._shown}
        self._shown += 1
        return event(content, f"{self.kind}.partial_image")

    def _event(self, name: str, data: bytes) -> dict[str, Any]:
        return {
            "type": f"{self.kind}.{name}",
            "b64_json": self.encoding.of(data),
            "created_at": self.created,
            **described(self),
            **({"kept": True} if self.kept and name == "completed" else {}),
        }


def described(writer: PictureWriter) -> dict[str, Any]:
    """What is said of a picture beside itself."""
    outline = writer.asked.outline
    size = f"{outline.width}x{outline.height}"
    return {
        "size": size,
        "quality": "auto",
        "background": "opaque",
        "output_format": writer.encoding.format,
    }


def joined(writers: Sequence[PictureWriter]) -> dict[str, Any]:
    """The answer that holds the pictures of all of them."""
    usage = _sum([writer.usage() for writer in writers])
    data = [
        {
            "b64_json": writer.encoding.of(writer.picture or b""),
            "revised_prompt": writer.thought,
            **({"kept": True} if writer.kept else {}),
        }
        for writer in writers
    ]
    first = writers[0]
    notes = {"warnings": list(first.asked.notes)}
    return {"created": first.created, "data": data, **described(first), "usage": usage, **notes}


def _sum(usages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of all, by their names."""
    added = {}
    for name, value in usages[0].items():
        each = [one[name] for one in usages]
        added[name] = _sum(each) if isinstance(value, dict) else sum(each)
    return added
