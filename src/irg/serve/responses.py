"""POST /v1/responses: thoughts and pictures in their order, as OpenAI's Responses have them."""

import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from irg.core.events import ThoughtDelta, ThoughtDone
from irg.serve.asked import Asked, Contents, Manner
from irg.serve.asking import Asker
from irg.serve.fields import (
    ImageTool,
    MessageItem,
    PictureItem,
    ReasoningItem,
    ReferenceItem,
    ResponsesBody,
    unheeded,
)
from irg.serve.pictures import Encoding
from irg.serve.protocol import Ended, PictureDone, PictureProgress, Said
from irg.serve.refusals import Refused, invalid, not_found
from irg.serve.shelf import Shelf, StoredAnswer
from irg.serve.streams import event

_UNHEEDED = set(unheeded(ImageTool))
"""Not repeated in answers: they may hold anything, and had no effect."""


def asked(asker: Asker, shelf: Shelf, body: ResponsesBody, owner: str) -> Asked:
    """What a request asks of the engine. Raises Refused."""
    tool = body.tools[0] if body.tools else ImageTool.model_validate({"type": "image_generation"})
    manner = Manner(
        body, body, tool.size, body.max_output_tokens, tool.partial_images, body.stop_at == "thought"
    )
    resumed = _resumed(shelf, body, owner)
    parts, system = _said(asker, body, has_reference=resumed is not None)
    if body.tool_choice == "none":
        if resumed is not None:
            raise invalid(
                "going on from a response draws: ask about its picture by sending that", "tool_choice"
            )
        return asker.answer(Contents(parts, system), manner, owner)
    is_edit = resumed is not None or not all(isinstance(part, str) for part in parts)
    if tool.action == ("generate" if is_edit else "edit"):
        has = "a picture, which is edited" if is_edit else "no picture to edit"
        raise invalid(f"action {tool.action!r}: the input has {has}", "tools.0.action")
    if resumed is None:
        return asker.episode(Contents(parts, system), manner, owner, body.store)
    kept, place = resumed
    if system is not None or not all(isinstance(part, str) for part in parts):
        raise invalid(
            "going on from a response takes words alone: neither instructions nor pictures", "input"
        )
    words = "\n".join(part for part in parts if isinstance(part, str) and part.strip()) or None
    course = pickle.loads(kept.course)
    if not course.marks:
        raise invalid("that response drew nothing to go on from", "previous_response_id")
    place %= len(course.marks)
    return asker.resumption(course, place, words, manner, owner, body.store)


def _resumed(shelf: Shelf, body: ResponsesBody, owner: str) -> tuple[StoredAnswer, int] | None:
    """The stored answer that is gone on from, and the turn of it: the last, unless a picture is named."""
    items = body.input if isinstance(body.input, list) else []
    named = [one.id for one in items if isinstance(one, PictureItem | ReferenceItem) and _is_named(one)]
    if body.previous_response_id is not None:
        kept = shelf.get(owner, body.previous_response_id)
        if not named:
            return kept, -1
        if named[-1] not in kept.pictures:
            raise not_found(f"that response has no picture {named[-1]!r}", "item_not_found", "input")
        return kept, kept.pictures[named[-1]]
    return shelf.holding(owner, named[-1]) if named else None


def _is_named(item: PictureItem | ReferenceItem) -> bool:
    return isinstance(item, ReferenceItem) or item.result is None


def _said(asker: Asker, body: ResponsesBody, has_reference: bool) -> tuple[tuple[Any, ...], str | None]:
    """The texts and pictures of the input in their order, and what stands for the system prompt."""
    if body.input is None or isinstance(body.input, str):
        if body.input is None and not has_reference:
            raise invalid("there is no input", "input", "missing_required_parameter")
        return ((body.input,) if body.input else ()), body.instructions
    parts, systems = [], [body.instructions] if body.instructions is not None else []
    for number, item in enumerate(body.input):
        param = f"input.{number}"
        match item:
            case MessageItem(role="system" | "developer"):
                systems += [part for part in asker.parts(item.content, param) if isinstance(part, str)]
            case MessageItem():
                parts += asker.parts(item.content, param)
            case ReasoningItem():
                parts += asker.parts(item.content or item.summary, param)
            case PictureItem(result=str(result)):
                parts.append(asker.picture(f"data:;base64,{result}", f"{param}.result"))
    return tuple(parts), "\n".join(systems) if systems else None


@dataclass(eq=False)
class ResponseWriter:
    """A response, as it grows."""

    body: ResponsesBody
    model: str
    asked: Asked
    shelf: Shelf
    owner: str
    name: str = field(default_factory=lambda: f"resp_{uuid4().hex}")
    created: float = field(default_factory=time.time)
    items: list[dict[str, Any]] = field(default_factory=list)
    status: str = "in_progress"
    error: Refused | None = None
    num_written: int = 0
    num_drawn: int = 0
    is_capped: bool = False
    _number: int = -1
    """Of the event that was said last."""
    _previews: int = 0
    """Of the picture that is being drawn."""
    _text: str = ""

    @property
    def encoding(self) -> Encoding:
        tool = self.body.tools[0] if self.body.tools else None
        return Encoding(tool.output_format, tool.output_compression) if tool else Encoding()

    @property
    def answers(self) -> bool:
        return self.asked.answers

    def begin(self) -> Iterator[bytes]:
        yield self._event("response.created", response=self.whole())
        yield self._event("response.in_progress", response=self.whole())

    def take(self, said: Said) -> Iterator[bytes]:
        match said:
            case ThoughtDelta(text=text):
                if not self._is_open("message" if self.answers else "reasoning"):
                    yield from self._add(self._text_item(), self._part(""))
                self._text += text
                kind = "output_text" if self.answers else "reasoning_text"
                extra = {"logprobs": []} if self.answers else {}
                yield self._event(
                    f"response.{kind}.delta", **self._at(), content_index=0, delta=text, **extra
                )
            case ThoughtDone():
                yield from self._thought(said)
            case PictureProgress():
                yield from self._progress(said)
            case PictureDone():
                yield from self._picture(said)
            case Ended(course=course):
                if said.answer is not None and not self.answers:
                    yield from self._answer(said.answer)
                self.status = "incomplete" if self.is_capped and self.answers else "completed"
                if course is not None and not self.answers:
                    self._keep(course)
                yield self._event(f"response.{self.status}", response=self.whole())

    def fail(self, error: Refused) -> Iterator[bytes]:
        self.status, self.error = "failed", error
        yield self._event("error", code=error.code, message=error.message, param=error.param)
        yield self._event("response.failed", response=self.whole())

    def whole(self) -> dict[str, Any]:
        body, error, text = self.body, self.error, self.asked.outline.text
        num_in, num_out = self.asked.num_tokens, self.num_written + self.num_drawn
        usage = {
            "input_tokens": num_in,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": num_out,
            "output_tokens_details": {"reasoning_tokens": 0 if self.answers else self.num_written},
            "total_tokens": num_in + num_out,
        }
        is_over = self.status != "in_progress"
        return {
            "id": self.name,
            "object": "response",
            "created_at": int(self.created),
            "completed_at": int(time.time()) if self.status == "completed" else None,
            "status": self.status,
            "background": False,
            "error": {"code": "server_error", "message": error.message} if error else None,
            "incomplete_details": {"reason": "max_output_tokens"} if self.status == "incomplete" else None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "model": self.model,
            "output": [dict(item) for item in self.items],
            "parallel_tool_calls": False,
            "previous_response_id": body.previous_response_id,
            "store": body.store and not self.answers,  # there is no episode to go on from
            "temperature": text.temperature,
            "top_p": text.top_p,
            "text": {"format": {"type": "text"}},
            "tool_choice": body.tool_choice if isinstance(body.tool_choice, str) else "required",
            "tools": [tool.model_dump(exclude_defaults=True, exclude=_UNHEEDED) for tool in body.tools],
            "truncation": "disabled",
            "metadata": _repeated(body.metadata),
            "usage": usage if is_over else None,
            "warnings": list(self.asked.notes),
        }

    def _keep(self, course: bytes) -> None:
        names = [item["id"] for item in self.items if item["type"] == "image_generation_call"]
        marks = pickle.loads(course).marks
        drawn = [place for place, mark in enumerate(marks) if mark.drawn.image is not None]
        # One that was gone on from has older pictures, of other answers.
        places = dict(zip(reversed(names), reversed(drawn), strict=False))
        self.shelf.put(self.owner, self.name, StoredAnswer(course, places))

    def _thought(self, done: ThoughtDone) -> Iterator[bytes]:
        self.num_written += done.num_tokens
        self.is_capped = done.capped
        if not self._is_open("message" if self.answers else "reasoning"):
            yield from self._add(self._text_item(), self._part(""))
        self.items[-1] |= {"status": "completed", "content": [self._part(done.text)]}
        place = {**self._at(), "content_index": 0}
        kind, extra = ("output_text", {"logprobs": []}) if self.answers else ("reasoning_text", {})
        yield self._event(f"response.{kind}.done", **place, text=done.text, **extra)
        yield self._event("response.content_part.done", **place, part=self._part(done.text))
        yield from self._done()

    def _picture(self, done: PictureDone) -> Iterator[bytes]:
        if not self._is_open("image_generation_call"):
            yield from self._add(self._picture_item())
        self.num_drawn += done.num_tokens
        self.items[-1] |= {"status": "completed", "result": self.encoding.of(done.data)}
        if (thought := self._last_thought()) is not None and not done.kept:
            self.items[-1]["revised_prompt"] = thought
        if done.kept:
            self.items[-1]["kept"] = True
        yield self._event("response.image_generation_call.completed", **self._at())
        yield from self._done()

    def _answer(self, text: str) -> Iterator[bytes]:
        """The text that the result of a plan is, which has been told as it was written, as a message."""
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        yield from self._add({**self._message_item(), "status": "completed", "content": [part]})
        yield from self._done()

    def _progress(self, said: PictureProgress) -> Iterator[bytes]:
        if not self._is_open("image_generation_call"):
            self._previews = 0
            yield from self._add(self._picture_item())
            yield self._event("response.image_generation_call.in_progress", **self._at())
            self.items[-1]["status"] = "generating"
            yield self._event("response.image_generation_call.generating", **self._at())
        if said.preview is not None:
            yield self._event(
                "response.image_generation_call.partial_image",
                **self._at(),
                partial_image_index=self._previews,
                partial_image_b64=self.encoding.of(said.preview),
            )
            self._previews += 1

    def _text_item(self) -> dict[str, Any]:
        if self.answers:
            return self._message_item()
        name = f"rs_{uuid4().hex}"
        return {"type": "reasoning", "id": name, "status": "in_progress", "summary": [], "content": []}

    def _message_item(self) -> dict[str, Any]:
        name = f"msg_{uuid4().hex}"
        return {"type": "message", "id": name, "role": "assistant", "status": "in_progress", "content": []}

    def _part(self, text: str) -> dict[str, Any]:
        if self.answers:
            return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        return {"type": "reasoning_text", "text": text}

    def _picture_item(self) -> dict[str, Any]:
        is_edit = self.asked.is_edit or any(item["type"] == "image_generation_call" for item in self.items)
        outline = self.asked.outline
        return {
            "type": "image_generation_call",
            "id": f"ig_{uuid4().hex}",
            "status": "in_progress",
            "result": None,
            "action": "edit" if is_edit else "generate",
            "size": f"{outline.width}x{outline.height}",
            "output_format": self.encoding.format,
        }

    def _last_thought(self) -> str | None:
        before = self.items[-2] if len(self.items) > 1 else None
        return before["content"][0]["text"] if before and before["type"] == "reasoning" else None

    def _is_open(self, kind: str) -> bool:
        return bool(self.items) and self.items[-1]["type"] == kind and self.items[-1]["status"] != "completed"

    def _add(self, item: dict[str, Any], part: dict[str, Any] | None = None) -> Iterator[bytes]:
        self.items.append(item)
        yield self._event("response.output_item.added", output_index=len(self.items) - 1, item=dict(item))
        if part is not None:
            yield self._event("response.content_part.added", **self._at(), content_index=0, part=part)

    def _done(self) -> Iterator[bytes]:
        last = len(self.items) - 1
        yield self._event("response.output_item.done", output_index=last, item=dict(self.items[-1]))

    def _at(self) -> dict[str, Any]:
        return {"item_id": self.items[-1]["id"], "output_index": len(self.items) - 1}

    def _event(self, name: str, **content: Any) -> bytes:
        self._number += 1
        return event({"type": name, "sequence_number": self._number, **content}, name)


def _repeated(metadata: Any) -> dict[str, str]:
    """Metadata as an answer repeats it: texts, as OpenAI's are. Anything else need not be JSON."""
    given = metadata if isinstance(metadata, dict) else {}
    return {name: value for name, value in given.items() if isinstance(value, str)}
