"""POST /v1/chat/completions: thoughts as reasoning, pictures as images whose places `<image>` says.

The order of both is that of a stream's pieces; a whole answer says it once more in `segments`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from PIL import Image

from irg.core.events import ThoughtDelta, ThoughtDone
from irg.serve.asked import Asked, Contents, Manner
from irg.serve.asking import Asker
from irg.serve.fields import ChatBody, ChatMessage
from irg.serve.pictures import Encoding
from irg.serve.protocol import Ended, PictureDone, Said
from irg.serve.refusals import Refused, invalid
from irg.serve.streams import event

PLACE = "<image>"
"""Where a picture stands in a text."""


def asked(asker: Asker, body: ChatBody, owner: str) -> Asked:
    """What a request asks of the engine. Raises Refused."""
    if body.messages[-1].role != "user":
        raise invalid("the last message is no user's: there is nothing to answer", "messages")
    parts, systems = [], []
    for number, message in enumerate(body.messages):
        said = list(_said(asker, message, f"messages.{number}"))
        if message.role in ("system", "developer"):
            systems += [part for part in said if isinstance(part, str)]
        else:
            parts += said
    contents = Contents(tuple(parts), "\n".join(systems) if systems else None)
    manner = Manner(body, body, body.size, body.max_completion_tokens or body.max_tokens)
    if "image" not in body.modalities:
        return asker.answer(contents, manner, owner)
    return asker.episode(contents, manner, owner)


def _said(asker: Asker, message: ChatMessage, param: str) -> Iterator[str | Image.Image]:
    """The texts and pictures of a message; those that stand beside its text go where that says."""
    shown = [
        asker.picture(one.image_url.url, f"{param}.images.{number}.image_url.url")
        for number, one in enumerate(message.images)
    ]
    if not shown:
        yield from asker.parts(message.content, param)
        return
    for part in asker.parts(message.content, param):
        for number, text in enumerate(part.split(PLACE) if isinstance(part, str) else [part]):
            if number and shown:
                yield shown.pop(0)
            yield text
    yield from shown


@dataclass(eq=False)
class ChatWriter:
    """A chat completion, as it grows."""

    body: ChatBody
    model: str
    asked: Asked
    name: str = field(default_factory=lambda: f"chatcmpl-{uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    segments: list[dict[str, Any]] = field(default_factory=list)
    """Texts and pictures in their order."""
    images: list[dict[str, Any]] = field(default_factory=list)
    answer: str = ""
    """That the result of a plan is, beside what was thought and drawn."""
    num_tokens: int = 0
    """That were written and drawn."""
    finish: str = "stop"

    @property
    def answers(self) -> bool:
        return self.asked.answers

    def begin(self) -> Iterator[bytes]:
        yield self._chunk({"role": "assistant", "content": ""})

    def take(self, said: Said) -> Iterator[bytes]:
        match said:
            case ThoughtDelta(text=text):
                yield self._chunk({"content" if self.answers else "reasoning_content": text})
            case ThoughtDone(text=text):
                self.num_tokens += said.num_tokens
                self.segments.append({"kind": "text", "text": text})
                self.finish = "length" if said.capped and self.answers else "stop"
            case PictureDone(data=data):
                self.num_tokens += said.num_tokens
                index = len(self.images)
                address = {"url": Encoding().address(data)}
                kept = {"kept": True} if said.kept else {}
                self.images.append({"type": "image_url", "image_url": address, "index": index, **kept})
                self.segments.append({"kind": "image", "index": index, **kept})
                yield self._chunk({"content": PLACE})
                yield self._chunk({"images": [self.images[-1]]})
            case Ended():
                if said.answer is not None and not self.answers:
                    self.answer = said.answer
                    yield self._chunk({"content": said.answer})
                yield self._chunk({}, self.finish)
                options = self.body.stream_options
                if options is not None and options.include_usage:
                    head = self._head("chat.completion.chunk")
                    yield event({**head, "choices": [], "usage": self._usage()})
                yield b"data: [DONE]\n\n"

    def fail(self, error: Refused) -> Iterator[bytes]:
        yield b"data: " + error.body + b"\n\n"

    def whole(self) -> dict[str, Any]:
        texts = [segment["text"] for segment in self.segments if segment["kind"] == "text"]
        message: dict[str, Any] = {"role": "assistant", "refusal": None, "segments": self.segments}
        if self.answers:
            message["content"] = "".join(texts)
        else:
            message |= {"content": PLACE * len(self.images) + self.answer, "images": self.images}
            message["reasoning_content"] = "\n\n".join(texts) or None
        choice = {"index": 0, "message": message, "finish_reason": self.finish, "logprobs": None}
        head = self._head("chat.completion")
        return {**head, "choices": [choice], "usage": self._usage(), "warnings": list(self.asked.notes)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.name, "object": kind, "created": self.created, "model": self.model}

    def _usage(self) -> dict[str, int]:
        given, made = self.asked.num_tokens, self.num_tokens
        return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event({**self._head("chat.completion.chunk"), "choices": [choice]})
