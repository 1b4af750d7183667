"""How long the contexts of a plan may become, told before it is run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from irg.core import Grid, Kind
from irg.core.segment import DELIMITERS
from irg.model import ModelConfig
from irg.pipeline.plans.numbers import resized, sampling
from irg.pipeline.plans.pieces import (
    IMAGE_FORMS,
    INPUT,
    NEWEST,
    PROMPT,
    SYSTEM,
    Each,
    Piece,
    PieceName,
    Pieces,
    Say,
    Without,
    places_in,
)
from irg.pipeline.plans.plan_file import StepPlan
from irg.pipeline.plans.steps import Step, WriteStep
from irg.pipeline.settings import Settings
from irg.prep import Tokenizer

Sides = tuple[int, int]


@dataclass(frozen=True)
class PlanExtent:
    """Of an episode of a plan that is given a prompt, system prompts by their parts, and pictures of these
    sizes, as resized for the autoencoder."""

    plan: StepPlan
    settings: Settings
    config: ModelConfig
    tokenizer: Tokenizer
    prompt: str
    systems: dict[str, str]
    inputs: Sequence[Sides] = ()
    said: int = 0
    """Tokens of the longest text that a person says in the place of one that is written."""

    @property
    def size(self) -> Sides:
        """Width and height of what is drawn."""
        if self.plan.size == "input" and self.inputs:
            return self.inputs[-1]
        return (
            self.plan.size
            if isinstance(self.plan.size, tuple)
            else (self.settings.width, self.settings.height)
        )

    @property
    def given(self) -> int:
        """Tokens of what it is given, each once."""
        pictures = sum(self._picture(size, "cv") for size in self.inputs)
        return self._text(self.prompt) + sum(map(self._text, self.systems.values())) + pictures

    @property
    def written(self) -> int:
        """Tokens that are written at most."""
        times = self.plan.retry.attempts if self.plan.retry else 1
        rounds = (self.plan.max_repeats or 0) + self.plan.closing_write
        return times * (self._asked(self.plan.first) + rounds * self._asked(self.plan.repeat))

    def written_from(self, number: int) -> int:
        """Tokens that are written at most from this pass of `repeat` on, after a picture was drawn."""
        rounds = (self.plan.max_repeats or 0) + self.plan.closing_write
        first = self._asked(self.plan.first) if number == 0 else 0
        return first + (rounds + 1 - max(number, 1)) * self._asked(self.plan.repeat)

    @property
    def contexts(self) -> tuple[int, ...]:
        """Tokens at most of each context that is no beginning of another, the longest first. The picture that
        is drawn at its end counts too."""
        lists = list(dict.fromkeys(one for step in self.plan.steps for one in self._lists(step)))
        kept = [one for one in lists if not any(one != more and more[: len(one)] == one for more in lists)]
        drawn = self.config.grid_of(*self.size).num_tokens + DELIMITERS if self.plan.num_images else 0
        return tuple(sorted((self._tokens(one) + drawn for one in kept), reverse=True))

    def _asked(self, steps: Sequence[Step]) -> int:
        return sum(self._most(step) * step.votes for step in steps if isinstance(step, WriteStep))

    def _most(self, step: WriteStep) -> int:
        return sampling(step, self.plan, self.settings).max_tokens

    def _lists(self, step: Step) -> Iterator[Pieces]:
        """What a step and its branches read."""
        if isinstance(step, WriteStep):
            yield (*step.reads, step.write)
            return
        yield step.reads
        for branch in (step.text_branch, step.image_branch):
            if isinstance(branch, tuple):
                yield branch
            elif isinstance(branch, Without):
                yield branch.left_of(step.reads)
            elif branch == "texts":
                yield tuple(_texts(step.reads))

    def _tokens(self, pieces: Pieces) -> int:
        return sum(map(self._piece, pieces))

    def _piece(self, piece: Piece) -> int:
        if isinstance(piece, Each):
            return (self.plan.max_repeats or 0) * self._tokens(piece.each)
        if isinstance(piece, Say):
            return self._text(piece.say) + self._filling(piece.say)
        name, part, form = PieceName.of(piece)
        if name == SYSTEM:
            return self._text(self.systems[part]) if part in self.systems else 0
        if name == PROMPT:
            return self._text(self.prompt)
        if name == INPUT:
            return sum(self._picture(size, form) for size in self.inputs)
        if name == NEWEST:
            return max(self._picture(size, form) for size in (self.size, *self.inputs))
        if form in IMAGE_FORMS:
            return self._picture(self.size, form)
        return max(self._made(step) for step in self.plan.steps if _writes(step, name))

    def _made(self, step: Step) -> int:
        """Tokens of what a step writes, or of its rewriting, which holds parts of it."""
        assert isinstance(step, WriteStep)
        given = self._text(step.prefix) + self._text(step.canonical or "")
        return (
            max(self._most(step), self.said)
            + given
            + max(map(self._text, step.choose), default=0)
            + DELIMITERS
        )

    def _filling(self, template: str) -> int:
        """Tokens of what the places of a template stand for."""
        return sum(
            self._text(self.prompt) if name == PROMPT else self._piece(name)
            for name in places_in(template)
            if name == PROMPT or any(_writes(step, name) for step in self.plan.steps)
        )

    def _text(self, text: str) -> int:
        return len(self.tokenizer.encode(text)) + DELIMITERS

    def _picture(self, size: Sides, form: str) -> int:
        settings = resized(self.plan, self.settings)
        clean = settings.clean.size(*size)
        grids = {
            Kind.CLEAN: lambda: Grid.of(clean, self.config.pixels_per_latent),
            Kind.VIEW: lambda: Grid.of(settings.view.size(*clean), self.config.vision.patch),
        }
        return sum(grids[kind]().num_tokens + DELIMITERS for kind in IMAGE_FORMS[form])


def _texts(pieces: Pieces) -> Iterator[Piece]:
    for piece in pieces:
        if isinstance(piece, Each):
            if named := tuple(one for one in piece.each if not _is_picture(one)):
                yield Each(each=named)
        elif isinstance(piece, Say) or not _is_picture(piece):
            yield piece


def _is_picture(piece: str) -> bool:
    return PieceName.of(piece).form in IMAGE_FORMS


def _writes(step: Step, name: str) -> bool:
    return isinstance(step, WriteStep) and step.write == name
