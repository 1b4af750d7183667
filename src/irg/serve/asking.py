"""From what was asked to what the engine is to do: texts and pictures in their order, a plan, its price.

Everything that can be found wrong without the model is found here, before an answer begins.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TypeVar

from PIL import Image

from irg.core.reading import ImageError, from_base64, image_size, read_image
from irg.core.segment import DELIMITERS
from irg.pipeline import Plan, Settings, TurnPlan
from irg.pipeline.load import NamedCheckpoint
from irg.serve.course import Beginning, Episode, History, Resumption, WordsWanted
from irg.serve.fields import (
    DrawingFields,
    GuidanceFields,
    ImagePart,
    ImageUrlPart,
    Part,
    TextFields,
    TextPart,
)
from irg.serve.limits import GivenPixels
from irg.serve.memory import Sizes
from irg.serve.refusals import invalid
from irg.serve.service import EngineRequest
from irg.world.wording import OutsideWorld, as_phrased

Fetch = Callable[[str], bytes]
"""The bytes of a picture elsewhere. Raises ValueError with the reason where it cannot be had."""
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Contents:
    """What was said: texts and pictures in their order, and in the place of the system prompt."""

    parts: tuple[str | Image.Image, ...]
    system: str | None = None

    @property
    def pictures(self) -> list[Image.Image]:
        return [one for one in self.parts if isinstance(one, Image.Image)]


@dataclass(frozen=True)
class Manner:
    """How it is to be done."""

    drawing: DrawingFields
    text: TextFields
    size: str = "auto"
    max_tokens: int | None = None
    partial_images: int = 0
    stops_at_thought: bool = False


@dataclass(frozen=True, eq=False)
class Asked:
    """A request for the engine, and what is to be said of it."""

    wanted: EngineRequest
    plan: Plan
    num_tokens: int
    """That it begins with."""
    is_edit: bool = False
    notes: tuple[str, ...] = ()
    """Warnings."""


@dataclass(frozen=True)
class Asker:
    """Knows the model that is asked, without having loaded it."""

    checkpoint: NamedCheckpoint
    fetch: Fetch | None = None
    """None refuses addresses of pictures."""
    given: GivenPixels = field(default_factory=GivenPixels)
    """What the pictures of one request, for which this is made, may come to."""

    @cached_property
    def sizes(self) -> Sizes:
        checkpoint = self.checkpoint
        return Sizes(checkpoint.folder.config, checkpoint.settings, checkpoint.torch_dtype)

    @property
    def settings(self) -> Settings:
        return self.checkpoint.settings

    def episode(self, contents: Contents, manner: Manner, owner: str, keeps: bool = False) -> Asked:
        """What is to be drawn from texts and pictures."""
        pictures, given = contents.pictures, manner.drawing
        plan = self._plan(pictures, manner)
        notes: tuple[str, ...] = ()
        match contents.parts:
            case (str(prompt),) if self.settings.world is not None:
                prompt, notes = _worded(prompt)
                contents = replace(contents, parts=(prompt,))
        plan = replace(plan, system_prompt=contents.system)
        start = self._beginning(contents, plan.prompt_before(self.settings))
        count = self._num_tokens(start)
        episode = Episode(
            plan,
            0 if given.seed is None else given.seed,
            start,
            self.sizes.room(plan, count),
            _previews(plan, manner.partial_images),
            manner.stops_at_thought,
            manner.drawing.stop_when_right,
        )
        return self._asked(episode, manner, owner, keeps, count, is_edit=bool(pictures), notes=notes)

    def resumption(
        self, course: History, place: int, words: str | None, manner: Manner, owner: str, keeps: bool
    ) -> Asked:
        """What is to be drawn on from a turn of an earlier episode, in its size unless another is given."""
        start, drawing = Resumption(course, place, words), manner.drawing
        first = place if start.is_undrawn else place + 1
        usual = _heeded("turns", lambda: self.settings.plan(first + (drawing.turns or 1), drawing.thinking))
        turns = usual.turns[first:]
        if start.is_undrawn:
            turns = (start.mark.plan.turns[0], *turns[1:])
        plan = self._changed(replace(start.mark.plan, turns=turns), manner)
        count = course.num_tokens + (0 if words is None else self._count(words, "input") + DELIMITERS)
        episode = Episode(
            plan,
            drawing.seed,
            start,
            self.sizes.room(plan, count, is_resumed=True),
            _previews(plan, manner.partial_images),
            manner.stops_at_thought,
            manner.drawing.stop_when_right,
        )
        return self._asked(episode, manner, owner, keeps, count, is_edit=True)

    def answer(self, contents: Contents, manner: Manner, owner: str) -> Asked:
        """What is to be answered in words."""
        usual = replace(self.settings.plan(turns=1), text=self.settings.answer_sampling())
        plan = self._changed(usual, manner)
        system = self.settings.ask_prompt if manner.drawing.thinking else ""
        start = self._beginning(contents, system if contents.system is None else contents.system)
        count = self._num_tokens(start)
        room = count + plan.text.max_tokens + DELIMITERS
        return self._asked(
            WordsWanted(plan, manner.drawing.seed or 0, start, room), manner, owner, False, count
        )

    def picture(self, source: str | bytes, param: str) -> Image.Image:
        """A picture from an address that holds it (data:), from base64, or from the bytes of a file."""
        try:
            data = source if isinstance(source, bytes) else self._data(source)
            self.given.take(*image_size(data, "the picture"))
            return read_image(data, "the picture")
        except ValueError as unusable:
            raise invalid(str(unusable), param, "invalid_image") from unusable

    def parts(self, content: str | Sequence[Part] | None, param: str) -> Iterator[str | Image.Image]:
        """The texts and pictures of a message."""
        for number, part in enumerate([content] if isinstance(content, str) else content or ()):
            match part:
                case str():
                    yield part
                case TextPart():
                    yield part.text
                case ImagePart():
                    yield self.picture(part.image_url, f"{param}.content.{number}.image_url")
                case ImageUrlPart():
                    yield self.picture(part.image_url.url, f"{param}.content.{number}.image_url.url")

    def _data(self, address: str) -> bytes:
        """The bytes that an address holds or leads to. Raises ValueError."""
        if not address.startswith("data:"):
            return self._fetched(address)
        head, comma, data = address.partition(",")
        if not comma or not head.endswith(";base64"):
            raise ImageError("expected data:image/...;base64,...")
        return from_base64(data, "the picture")

    def _fetched(self, address: str) -> bytes:
        if self.fetch is None:
            raise ImageError(
                "addresses are not fetched here: send the picture itself, as data:image/...;base64,..."
            )
        return self.fetch(address)

    def _beginning(self, contents: Contents, system: str) -> Beginning:
        """The last text is the instruction; what is said or shown besides goes before it."""
        if contents.system:
            self._count(contents.system, "instructions")
        parts = [one for one in contents.parts if not isinstance(one, str) or one.strip()]
        last = next((place for place in reversed(range(len(parts))) if isinstance(parts[place], str)), None)
        if last is None:
            raise invalid("the prompt is empty", "prompt")
        instruction = parts.pop(last)
        assert isinstance(instruction, str)
        return Beginning(instruction, tuple(parts), system)

    def _num_tokens(self, start: Beginning) -> int:
        texts = [start.instruction, *(one for one in start.before if isinstance(one, str))]
        count = sum(self._count(text, "prompt") + DELIMITERS for text in texts)
        count += len(self.checkpoint.tokenizer.encode(start.system)) + DELIMITERS
        pictures = [one for one in start.before if isinstance(one, Image.Image)]
        return count + sum(self.sizes.picture_tokens(*one.size) for one in pictures)

    def _count(self, text: str, param: str) -> int:
        try:
            text.encode()
        except UnicodeEncodeError as broken:
            raise invalid("the text is not valid Unicode: it holds a lone surrogate", param) from broken
        return len(_heeded(param, lambda: self.settings.prompt_ids(text, self.checkpoint.tokenizer)))

    def _plan(self, pictures: Sequence[Image.Image], manner: Manner) -> Plan:
        """The checkpoint's usual plan: of an edit, if there are pictures, in the size of the last of them."""
        drawing, settings = manner.drawing, self.settings
        plan = _heeded("turns", lambda: settings.plan(drawing.turns, drawing.thinking))
        if pictures:
            size = settings.clean.size(*pictures[-1].size)
            edit = settings.edit_plan(*size, drawing.thinking)
            plan = replace(edit, turns=(*edit.turns, *(plan.turns[1:] if drawing.turns else ())))
        return self._changed(plan, manner)

    def _changed(self, plan: Plan, manner: Manner) -> Plan:
        """The plan in the manner that is asked for. Raises Refused for what the model cannot do."""
        drawing, text = manner.drawing, manner.text
        if manner.size != "auto":
            width, height = map(int, manner.size.split("x"))
            plan = replace(plan, width=width, height=height)
        plan = plan.with_drawing(steps=drawing.steps)
        if drawing.guidance is not None:
            plan = replace(plan, turns=_guided(plan.turns, drawing.guidance))
        _heeded("size", partial(plan.grid, self.sizes.config))
        written = partial(plan.with_text, text.temperature, text.top_p, manner.max_tokens)
        return _heeded("temperature", written)

    def _asked(
        self,
        what: Episode | WordsWanted,
        manner: Manner,
        owner: str,
        keeps: bool,
        num_tokens: int,
        is_edit: bool = False,
        notes: tuple[str, ...] = (),
    ) -> Asked:
        plan = what.plan
        if manner.stops_at_thought and not plan.turns[-1].think:
            raise invalid("the last turn has no thought to stop at", "stop_at")
        footprint = self.sizes.footprint(plan, what.room, isinstance(what, Episode))
        wanted = EngineRequest(what, footprint, owner, manner.drawing.deterministic, keeps)
        return Asked(wanted, plan, num_tokens, is_edit, notes)


def _worded(prompt: str) -> tuple[str, tuple[str, ...]]:
    """A prompt to a model of a closed world, as its training worded it; or as it is, with a warning."""
    try:
        return as_phrased(prompt), ()
    except OutsideWorld as unknown:
        note = f"the prompt is outside the model's world, so what it draws means nothing. {unknown}"
        return prompt, (note,)


def previews(num: int, total: int) -> frozenset[int]:
    """So many of so many steps, evenly spaced, none of them the last."""
    return frozenset(round(total * one / (num + 1)) for one in range(1, num + 1)) - {0, total}


def _previews(plan: Plan, num: int) -> tuple[frozenset[int], ...]:
    return tuple(previews(num, turn.num_points - 1) for turn in plan.turns)


def _guided(
    turns: Sequence[TurnPlan], given: GuidanceFields | Sequence[GuidanceFields]
) -> tuple[TurnPlan, ...]:
    each = [given] if isinstance(given, GuidanceFields) else list(given)
    if not each or len(each) > len(turns):
        raise invalid(f"guidance for {len(each)} turns: there are {len(turns)}", "guidance")
    each += each[-1:] * (len(turns) - len(each))
    changes = [one.model_dump(exclude_none=True) for one in each]
    return _heeded(
        "guidance",
        lambda: tuple(
            replace(turn, guidance=replace(turn.guidance, **change))
            for turn, change in zip(turns, changes, strict=True)
        ),
    )


def _heeded(param: str, make: Callable[[], Made]) -> Made:
    """What is made of a parameter; Refused naming it where that cannot be."""
    try:
        return make()
    except ValueError as wrong:
        raise invalid(str(wrong), param) from wrong
