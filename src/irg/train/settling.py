"""What a recipe leaves open and its data decide: how the finished checkpoint wants to be used.

A model that was trained on other prompts than those of the world it began in is held to that world no more,
and one that has learned to draw without thoughts, or without a second picture, is asked for neither. What
is decided stands in the recipe's settings, which are saved with the run and exported with the weights.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from irg.core import Document, Role
from irg.core.trace import Trace
from irg.data.formats import open_source
from irg.data.learning import Mode
from irg.data.source import RowError, Source
from irg.prep import Resize
from irg.run.assemble import RunParts
from irg.run.dataset import usual_modes
from irg.train.settings import TrainRecipe
from irg.world import OutsideWorld, parse

_DRAWING = {Mode.DIRECT, Mode.INITIAL_FULL, Mode.IMPROVING_FULL}
_MOST_TRACES, _MOST_DOCUMENTS = 20_000, 1_000
"""Of each dataset that are looked at: documents have their pictures among the texts."""


@dataclass(frozen=True)
class Settled:
    """A recipe with what its data decide in its settings, and in words what that is."""

    recipe: TrainRecipe
    notes: tuple[str, ...] = ()


class _Decision(NamedTuple):
    """Settings and their values, and why."""

    values: dict[str, Any]
    why: str


def settled(recipe: TrainRecipe, parts: RunParts) -> Settled:
    """Decide what the recipe's own settings do not. `parts` are those of the run, before it.

    Looks at the first 20,000 traces or 1,000 documents of each dataset, and at no pixels.
    """
    given = recipe.settings or {}
    sources = [open_source(one.path) for one in recipe.data if one.path is not None]
    decisions = [*_on_prompts(sources, parts)]
    if (taught := _taught(recipe, sources)) & _DRAWING:
        decisions += [*_on_turns(taught), *_on_size(sources, recipe.clean, parts)]
    decisions = [one for one in decisions if not one.values.keys() & given.keys()]
    if not decisions:
        return Settled(recipe)
    settings = {**given, **{name: value for one in decisions for name, value in one.values.items()}}
    return Settled(recipe.model_copy(update={"settings": settings}), tuple(one.why for one in decisions))


def _on_prompts(sources: Sequence[Source], parts: RunParts) -> Iterator[_Decision]:
    """Which prompts it takes: of which world, and how long."""
    prompts = [prompt for source in sources for row in _rows(source) for prompt in _prompts(row)]
    world, most = parts.settings.world, parts.settings.max_prompt_tokens
    if world is not None and (prompt := next(filter(_is_outside, prompts), None)) is not None:
        shown = repr(prompt if len(prompt) <= 60 else f"{prompt[:57]}...")
        why = f"the data's prompts lie outside the {world} world ({shown}): the checkpoint takes any"
        yield _Decision({"world": None}, why)
    longest = max((len(parts.tokenizer.encode(prompt)) for prompt in prompts), default=0)
    if longest > most:
        why = f"the data's prompts have up to {longest} tokens: the checkpoint takes so many, not only {most}"
        yield _Decision({"max_prompt_tokens": longest}, why)


def _on_turns(taught: set[Mode]) -> Iterator[_Decision]:
    """How many pictures it draws, and whether it thinks first."""
    if not any(mode.startswith("improving") for mode in taught):
        why = "the data teach no second picture: the checkpoint draws one unless asked for more"
        yield _Decision({"turns": 1}, why)
    if not any(mode.endswith(("thinking", "full")) for mode in taught):
        why = "the data teach no thoughts: the checkpoint draws at once unless asked to think"
        yield _Decision({"thinks": False}, why)


def _on_size(sources: Sequence[Source], clean: Resize | None, parts: RunParts) -> Iterator[_Decision]:
    """How large its pictures are: as more than half of the traces' last pictures are in training."""
    resize = clean or parts.settings.clean
    rows = (row for source in sources for row in _rows(source))
    sizes = Counter(resize.size(*row.turns[-1].image.size) for row in rows if isinstance(row, Trace))
    usual = parts.settings.width, parts.settings.height
    for (width, height), count in sizes.most_common(1):
        if count > sizes.total() / 2 and (width, height) != usual:
            why = f"most of the data's pictures are {width}x{height}: the checkpoint draws such pictures"
            yield _Decision({"width": width, "height": height}, why)


def _taught(recipe: TrainRecipe, sources: Sequence[Source]) -> set[Mode]:
    """The modes of a run that leaves them to its data; none where it names them, or rows are documents."""
    if any(one.modes or one.scenes for one in recipe.data):
        return set()
    modes = [usual_modes(source) for source in sources]
    return set().union(*modes) if all(modes) else set()


def _rows(source: Source) -> Iterator[Trace | Document]:
    """The first of a source that can be used."""
    for number, row in enumerate(source.survey()):
        if number >= (_MOST_DOCUMENTS if isinstance(row, Document) else _MOST_TRACES):
            return
        if not isinstance(row, RowError):
            yield row


def _prompts(row: Trace | Document) -> Iterator[str]:
    if isinstance(row, Document):
        yield from (one.text for one in row if one.role is Role.PROMPT)
    elif row.prompt.strip():
        yield row.prompt


def _is_outside(prompt: str) -> bool:
    try:
        parse(prompt)
    except OutsideWorld:
        return True
    return False
