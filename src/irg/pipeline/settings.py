"""How a checkpoint wants to be used: its recipe file `irg.json`, and the plans of episodes made from it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from irg.core import Grid
from irg.core.files import read_json, write_atomically
from irg.core.settings import BaseSettings, checked, shown
from irg.core.shipped import PLAN, named
from irg.core.values import check_number
from irg.engine import EXACT, Guidance, Renorm, Saving, TextSampling, shifted_schedule
from irg.engine.flow import MOST_POINTS, check_schedule
from irg.engine.saving import evaluated
from irg.model import ModelConfig
from irg.model.checkpoint import CheckpointFolder
from irg.prep import Resize, Tokenizer

FILE = "irg.json"
MOST_TURNS = 1000
"""Far beyond any context: a mistake that would only be known when memory is full."""

THINK_PROMPT = (
    "Think before you draw. First write a short plan between <think> and </think>: what the picture holds, "
    "where each thing stands, its colour, size and light. Then draw it. When a picture has been drawn, look "
    "at it, say what does not yet match the request, say step by step how to change it, end with one "
    "complete description of the better picture, and draw that."
)


ASK_PROMPT = (
    "Think before you answer. First look at what is asked about and reason about it step by step, between "
    "<think> and </think>. Then answer, in a few plain words."
)


@dataclass(frozen=True)
class TurnPlan:
    """One turn: whether it begins with a thought, and how its image is drawn.

    `clean` and `view` say as what the image of the turn before is read; as neither, it is not seen at all.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # it stands in traces as it is

    think: bool
    guidance: Guidance
    num_points: int
    """Time points of drawing; as many steps less one."""
    shift: float
    """How far they lie towards the noise; 1 is evenly."""
    clean: bool = True
    view: bool = True
    saving: Saving = EXACT
    """Fewer evaluations than steps, by choice."""

    def __post_init__(self) -> None:
        check_schedule(self.num_points, self.shift)

    @property
    def evaluations(self) -> int:
        """How often the model is run for an image: for itself, and for guidance where that is on."""
        branches = (self.guidance.text_scale != 1.0) + (self.guidance.image_scale != 1.0)
        times = evaluated(self.saving, shifted_schedule(self.num_points, self.shift))
        return sum(1 + branches * self.guidance.is_on(time) for time in times)

    def as_json(self) -> dict[str, Any]:
        """As JSON. Where nothing is saved that is not said: it is the plan it always was."""
        content = asdict(self)
        if self.saving.is_exact:
            del content["saving"]
        return content


@dataclass(frozen=True)
class Plan:
    """One episode: its turns, the images' size in pixels, and how thoughts are written.

    Two turns are IRG; one turn with a thought is self-CoT; one without is plain text-to-image.
    `preview_every` asks for a preview image with every so many denoising steps (0: none).
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # it stands in traces as it is

    turns: tuple[TurnPlan, ...]
    width: int
    """Of the images, in pixels, as a multiple of what the model draws with a token."""
    height: int
    text: TextSampling
    """How thoughts are written."""
    preview_every: int = 0
    system_prompt: str | None = None
    """What is read first, in the place of the checkpoint's; empty for nothing."""

    def __post_init__(self) -> None:
        if not self.turns:
            raise ValueError("a plan needs at least one turn")
        for side in (self.width, self.height):
            check_number(f"picture size {self.width}x{self.height}:", side, 1, whole=True)
        check_number("preview_every", self.preview_every, 0, whole=True)

    @property
    def num_images(self) -> int:
        """Images of an episode that nothing ends early."""
        return len(self.turns)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images in pixels."""
        return self.width, self.height

    def grid(self, config: ModelConfig) -> Grid:
        """The latent tokens of the images. Raises ValueError for a size that the model cannot draw."""
        return config.grid_of(self.width, self.height)

    def prompt_before(self, settings: "Settings") -> str:
        """The system prompt: its own, or the checkpoint's if there are thoughts, which that tells a model to
        write; empty for none."""
        if self.system_prompt is not None:
            return self.system_prompt
        return settings.system_prompt if any(turn.think for turn in self.turns) else ""

    def as_json(self) -> dict[str, Any]:
        """What a trace keeps of it, as JSON, of which `from_json` makes it again."""
        text = asdict(self.text)
        if not self.text.lookup:
            del text["lookup"]
        content = asdict(self) | {"turns": [turn.as_json() for turn in self.turns], "text": text}
        if self.system_prompt is None:
            del content["system_prompt"]
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any], name: str = "the settings of a trace") -> "Plan":
        """The plan that a trace's settings tell of. Raises ValueError, beginning with `name`, which says all
        that is wrong."""
        return checked(_SavedPlan, {"plan": content}, name).plan

    def with_guidance(
        self,
        text_scale: float | None = None,
        image_scale: float | None = None,
        interval: tuple[float, float] | None = None,
        renorm: Renorm | str | None = None,
        renorm_min: float | None = None,
    ) -> "Plan":
        """The plan with this guidance in every turn; None leaves what each has. See `Guidance`.

        Raises ValueError for what is none.
        """
        given = {
            "text_scale": text_scale,
            "image_scale": image_scale,
            "interval": interval,
            "renorm": renorm,
            "renorm_min": renorm_min,
        }
        wanted = _without_nones(given)
        return self._each(lambda turn: replace(turn, guidance=replace(turn.guidance, **wanted)))

    def with_drawing(
        self,
        num_points: int | None = None,
        shift: float | None = None,
        steps: int | None = None,
        saving: Saving | None = None,
    ) -> "Plan":
        """The plan with every image drawn so; None leaves what each turn has.

        `num_points` time points are `num_points - 1` steps, of which the model is run at each: `steps` says
        it that way round. `shift` moves the time points towards the noise, `saving` evaluates fewer of them.
        Raises ValueError for what makes no schedule, and for both numbers at once.
        """
        if steps is not None:
            if num_points is not None:
                raise ValueError(f"{num_points} time points and {steps} steps: expected one of the two")
            check_number("steps of drawing:", steps, 1, MOST_POINTS - 1, whole=True)
            num_points = steps + 1
        wanted = _without_nones({"num_points": num_points, "shift": shift, "saving": saving})
        return self._each(lambda turn: replace(turn, **wanted))

    def with_text(
        self,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        lookup: int | None = None,
    ) -> "Plan":
        """The plan with thoughts written so; None leaves it. See `TextSampling`. Raises ValueError for what
        is none."""
        given = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "lookup": lookup}
        return replace(self, text=replace(self.text, **_without_nones(given)))

    def with_system_prompt(self, text: str) -> "Plan":
        """The plan with this read first, in the place of the checkpoint's prompt; empty for nothing."""
        return replace(self, system_prompt=text)

    def with_previews(self, every: int) -> "Plan":
        """The plan with a preview of each image with every so many of its steps (0: none)."""
        return replace(self, preview_every=every)

    def _each(self, changed: Callable[[TurnPlan], TurnPlan]) -> "Plan":
        return replace(self, turns=tuple(map(changed, self.turns)))


class _SavedPlan(BaseSettings):
    plan: Plan


def _without_nones(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


_LATER = Guidance(image_scale=2.0, interval=(0.0, 1.0), renorm=Renorm.TEXT_CHANNEL)


class Settings(BaseSettings):
    """The recipe file of a checkpoint folder. The defaults are those of the BAGEL family."""

    system_prompt: str = THINK_PROMPT
    """What tells the model to think; it is read where there are thoughts."""
    width: int = 1024
    """Of the images, in pixels."""
    height: int = 1024
    num_points: int = 50
    """Time points of drawing an image; as many steps less one."""
    shift: float = 3.0
    """How far the time points lie towards the noise; 1 is evenly."""
    first: Guidance = Guidance()
    """Of the first turn."""
    later: Guidance = _LATER
    """Of the turns after it."""
    edit: Guidance = _LATER
    """Of edits."""
    edit_thinks: bool = False
    """Whether an edit begins with a thought."""
    ask_prompt: str = ASK_PROMPT
    """What tells the model to think before it answers a question, where that is wanted."""
    clean: Resize = Resize(max_side=1024, min_side=512, stride=16)
    """How an image is resized before the autoencoder reads it back in."""
    view: Resize = Resize(max_side=980, min_side=224, stride=14)
    """How an image is resized before the vision tower looks at it."""
    turns: int = Field(default=2, ge=1)
    """Images of an episode, where nobody says how many."""
    follows: str | None = None
    """The plan of steps, of those that come with irg, that episodes follow where nobody names one."""
    thinks: bool = True
    """Whether an episode of one turn begins with a thought; one of more always does."""
    temperature: float = 0.3
    """Of thoughts; 0 always takes the likeliest token."""
    top_p: float = 1.0
    """Thoughts are written of the likeliest tokens that have this share together."""
    max_thought_tokens: int = 1000
    """A longer thought is cut, which `Turn.capped` tells."""
    max_prompt_tokens: int = Field(default=4096, ge=1)
    """A longer prompt is refused."""
    world: Literal["scenes"] | None = None
    """The closed world of prompts that the model knows, if it knows no other."""
    scores: dict[str, Any] = Field(default_factory=dict)
    """What was measured of this checkpoint, for `irg info`."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        """What no plan could be made of is told when the file is read."""
        self.plan()
        if self.follows is not None:
            named(self.follows, PLAN)
        return self

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Settings":
        """The folder's own recipe, or the defaults if it has none. Raises ValueError for one that is none."""
        path = Path(folder) / FILE
        if not path.exists():
            return cls()
        return checked(cls, read_json(path), str(path))

    @classmethod
    def of(cls, folder: CheckpointFolder) -> "Settings":
        """Those of a checkpoint; where it has adapters, theirs go before its own."""
        added = folder.adapters
        return cls.from_folder(added.path if added and (added.path / FILE).exists() else folder.path)

    def save(self, folder: str | Path) -> None:
        """Write `irg.json` into a folder that is there, with all that is other than the defaults."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        write_atomically(Path(folder) / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def prompt_ids(self, prompt: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """The tokens of a prompt. Raises ValueError for one that is no text, empty, or longer than the model
        takes."""
        if not isinstance(prompt, str):
            raise ValueError(f"prompt {shown(prompt)}: expected a text")
        if not prompt.strip():
            raise ValueError("the prompt is empty")
        ids = tokenizer.encode(prompt)
        if len(ids) > self.max_prompt_tokens:
            raise ValueError(
                f"the prompt has {len(ids)} tokens, this model takes up to {self.max_prompt_tokens}"
            )
        return ids

    def plan(
        self,
        turns: int | None = None,
        think: bool | None = None,
        width: int | None = None,
        height: int | None = None,
    ) -> Plan:
        """The checkpoint's usual plan; for so many turns (images), with or without thoughts, in this size in
        pixels, where that is given. Raises ValueError for what makes none."""
        turns = self.turns if turns is None else turns
        check_number("turns", turns, 1, MOST_TURNS, whole=True)
        think = self.thinks or turns > 1 if think is None else think
        first = TurnPlan(think, self.first, self.num_points, self.shift)
        later = replace(first, guidance=self.later)
        return Plan(
            (first, *[later] * (turns - 1)),
            self.width if width is None else width,
            self.height if height is None else height,
            self.text_sampling(),
        )

    def reflect_plan(
        self, width: int, height: int, turns: int | None = None, think: bool | None = None
    ) -> Plan:
        """The usual plan that begins with a given image, which counts as that of the first turn; the others
        have this size in pixels. Raises ValueError for what makes none."""
        turns = max(2, self.turns) if turns is None else turns
        if turns < 2:
            raise ValueError(f"turns {turns}: expected at least 2, of which the first has the given image")
        return self.plan(turns, think, width, height)

    def edit_plan(self, width: int, height: int, think: bool | None = None) -> Plan:
        """The usual plan of an edit, whose result has this size in pixels. Raises ValueError for none."""
        turn = TurnPlan(self.edit_thinks if think is None else think, self.edit, self.num_points, self.shift)
        return Plan((turn,), width, height, self.text_sampling())

    def answer_sampling(self) -> TextSampling:
        """How answers are written: greedily, as by the reference."""
        return TextSampling(0.0, self.top_p, self.max_thought_tokens)

    def text_sampling(self) -> TextSampling:
        """How thoughts are written."""
        return TextSampling(self.temperature, self.top_p, self.max_thought_tokens)
