"""From what was asked to what the engine is to do: texts and pictures in their order, a plan, its price.

Everything that can be found wrong without the model is found here, before an answer begins.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from PIL import Image

from irg.core.reading import ImageError, from_base64, image_size, read_image
from irg.core.segment import DELIMITERS
from irg.pipeline import Plan, Settings, TurnPlan
from irg.pipeline.load import NamedCheckpoint
from irg.pipeline.plans import StepPlan
from irg.serve.asked import Asked, Contents, Manner, heeded, num_tokens, worded
from irg.serve.course import Beginning, Episode, Resumption, WordsWanted
from irg.serve.fields import GuidanceFields, ImagePart, ImageUrlPart, Part, TextPart
from irg.serve.history import History, PlanHistory
from irg.serve.limits import GivenPixels, Outline
from irg.serve.memory import Sizes
from irg.serve.planning import PlanAsker
from irg.serve.plans import NamedPlans
from irg.serve.refusals import invalid
from irg.serve.service import EngineRequest

Fetch = Callable[[str], bytes]
"""The bytes of a picture elsewhere. Raises ValueError with the reason where it cannot be had."""


@dataclass(frozen=True)
class Asker:
    """Knows the model that is asked, without having loaded it."""

    checkpoint: NamedCheckpoint
    fetch: Fetch | None = None
    """None refuses addresses of pictures."""
    plans: NamedPlans = field(default_factory=NamedPlans)
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
        if (steps := self._steps(contents, manner)) is not None:
            return self._by_plan.episode(steps, contents, manner, owner, keeps)
        pictures, given = contents.pictures, manner.drawing
        plan = self._plan(pictures, manner)
        notes: tuple[str, ...] = ()
        match contents.parts:
            case (str(prompt),) if self.settings.world is not None:
                prompt, notes = worded(prompt)
                contents = replace(contents, parts=(prompt,))
        plan = replace(plan, system_prompt=contents.system)
        start = self._beginning(contents, plan.prompt_before(self.settings))
        count = self._num_tokens(start)
        episode = Episode(
            plan,
            0 if given.seed is None else given.seed,
            start,
            self.sizes.room(plan, count),
            (manner.partial_images,) * len(plan.turns),
            manner.stops_at_thought,
            manner.drawing.stop_when_right,
        )
        return self._asked(episode, manner, owner, keeps, count, is_edit=bool(pictures), notes=notes)

    def resumption(
        self,
        course: History | PlanHistory,
        place: int,
        words: str | None,
        manner: Manner,
        owner: str,
        keeps: bool,
    ) -> Asked:
        """What is to be drawn on from a turn of an earlier episode, in its size unless another is given."""
        if manner.drawing.plan is not None:
            raise invalid("going on from a response is by the plan that it was made by", "plan")
        if isinstance(course, PlanHistory):
            return self._by_plan.resumption(course, place, words, manner, owner, keeps)
        start, drawing = Resumption(course, place, words), manner.drawing
        first = place if start.is_undrawn else place + 1
        usual = heeded("turns", lambda: self.settings.plan(first + (drawing.turns or 1), drawing.thinking))
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
            (manner.partial_images,) * len(plan.turns),
            manner.stops_at_thought,
            manner.drawing.stop_when_right,
        )
        return self._asked(episode, manner, owner, keeps, count, is_edit=True)

    def answer(self, contents: Contents, manner: Manner, owner: str) -> Asked:
        """What is to be answered in words."""
        _refuse_drawing(manner)
        if manner.drawing.plan is not None:
            steps = self._steps(contents, manner)
            if steps is None or steps.num_images:
                raise invalid(f"the plan {manner.drawing.plan} draws, and words alone are asked for", "plan")
            return self._by_plan.episode(steps, contents, manner, owner, keeps=False)
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

    @property
    def _by_plan(self) -> PlanAsker:
        return PlanAsker(self.sizes, self.checkpoint.tokenizer)

    def _steps(self, contents: Contents, manner: Manner) -> StepPlan | None:
        """The plan of steps to go by, if there is one: that of the request, or the usual one where it reads
        what is given. Raises Refused."""
        name = manner.drawing.plan
        plan = heeded("plan", partial(self.plans.find, name, self.settings))
        if name is None and plan is not None:
            needs = plan.inputs == "needed" and plan.reads_input
            is_read = plan.reads_input if contents.pictures else not needs
            if not is_read or len(contents.texts) != 1 or manner.drawing.thinking is not None:
                return None
        return plan

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
        return num_tokens(text, param, self.settings, self.checkpoint.tokenizer)

    def _plan(self, pictures: Sequence[Image.Image], manner: Manner) -> Plan:
        """The checkpoint's usual plan: of an edit, if there are pictures, in the size of the last of them."""
        drawing, settings = manner.drawing, self.settings
        plan = heeded("turns", lambda: settings.plan(drawing.turns, drawing.thinking))
        if pictures:
            size = settings.clean.size(*pictures[-1].size)
            edit = settings.edit_plan(*size, drawing.thinking)
            plan = replace(edit, turns=(*edit.turns, *(plan.turns[1:] if drawing.turns else ())))
        return self._changed(plan, manner)

    def _changed(self, plan: Plan, manner: Manner) -> Plan:
        """The plan in the manner that is asked for. Raises Refused for what the model cannot do."""
        drawing, text = manner.drawing, manner.text
        if manner.pixels is not None:
            width, height = manner.pixels
            plan = replace(plan, width=width, height=height)
        plan = plan.with_drawing(steps=drawing.steps)
        if drawing.guidance is not None:
            plan = replace(plan, turns=_guided(plan.turns, drawing.guidance))
        heeded("size", partial(plan.grid, self.sizes.config))
        written = partial(plan.with_text, text.temperature, text.top_p, manner.max_tokens)
        return heeded("temperature", written)

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
        draws = isinstance(what, Episode)
        footprint = self.sizes.footprint(plan, what.room, draws)
        wanted = EngineRequest(what, footprint, owner, manner.drawing.deterministic, keeps)
        return Asked(wanted, Outline.of(plan, draws), num_tokens, is_edit, notes)


def _guided(
    turns: Sequence[TurnPlan], given: GuidanceFields | Sequence[GuidanceFields]
) -> tuple[TurnPlan, ...]:
    each = [given] if isinstance(given, GuidanceFields) else list(given)
    if not each or len(each) > len(turns):
        raise invalid(f"guidance for {len(each)} turns: there are {len(turns)}", "guidance")
    each += each[-1:] * (len(turns) - len(each))
    changes = [one.model_dump(exclude_none=True) for one in each]
    return heeded(
        "guidance",
        lambda: tuple(
            replace(turn, guidance=replace(turn.guidance, **change))
            for turn, change in zip(turns, changes, strict=True)
        ),
    )


_DRAWING = ("turns", "guidance", "steps", "stop_when_right")


def _refuse_drawing(manner: Manner) -> None:
    """Raise Refused for what would say how pictures are drawn, where none is."""
    told = [name for name in _DRAWING if getattr(manner.drawing, name) not in (None, False)]
    told += ["size"] * (manner.size != "auto") + ["partial_images"] * (manner.partial_images > 0)
    told += ["stop_at"] * manner.stops_at_thought
    if told:
        raise invalid(f"{told[0]}: words alone are asked for, and nothing is drawn", told[0])
