"""How a checkpoint wants to be used: its recipe file `irg.json`, and the plans of episodes made from it."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from irg.core import Grid
from irg.core.files import read_json, write_atomically
from irg.core.settings import BaseSettings, checked
from irg.core.values import check_number
from irg.engine import EXACT, Guidance, Renorm, Saving, TextSampling, shifted_schedule
from irg.engine.flow import check_schedule
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


@dataclass(frozen=True)
class TurnPlan:
    """One turn: whether it begins with a thought, and how its image is drawn.

    `clean` and `view` say as what the image of the turn before is read; as neither, it is not seen at all.
    """

    think: bool
    guidance: Guidance
    num_points: int
    shift: float
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
        """Where nothing is saved that is not said: it is the plan it always was."""
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

    turns: tuple[TurnPlan, ...]
    width: int
    height: int
    text: TextSampling
    preview_every: int = 0

    def __post_init__(self) -> None:
        if not self.turns:
            raise ValueError("a plan needs at least one turn")
        for side in (self.width, self.height):
            check_number(f"picture size {self.width}x{self.height}:", side, 1, whole=True)
        check_number("preview_every", self.preview_every, 0, whole=True)

    def grid(self, config: ModelConfig) -> Grid:
        """The latent tokens of the images. Raises ValueError for a size that the model cannot draw."""
        side = config.pixels_per_latent
        if self.width % side or self.height % side:
            raise ValueError(f"picture size {self.width}x{self.height}: both must be multiples of {side}")
        limit = config.latent_side * side
        if max(self.width, self.height) > limit:
            size = f"{self.width}x{self.height}"
            raise ValueError(f"picture size {size}: this model draws up to {limit} pixels a side")
        return Grid(self.height // side, self.width // side)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"turns": [turn.as_json() for turn in self.turns]}


_LATER = Guidance(image_scale=2.0, interval=(0.0, 1.0), renorm=Renorm.TEXT_CHANNEL)


class Settings(BaseSettings):
    """The recipe file of a checkpoint folder. The defaults are those of the BAGEL family."""

    system_prompt: str = THINK_PROMPT
    width: int = 1024
    height: int = 1024
    num_points: int = 50
    shift: float = 3.0
    first: Guidance = Guidance()
    later: Guidance = _LATER
    edit: Guidance = _LATER
    edit_thinks: bool = False
    clean: Resize = Resize(max_side=1024, min_side=512, stride=16)
    """How an image is resized before the autoencoder reads it back in."""
    view: Resize = Resize(max_side=980, min_side=224, stride=14)
    """How an image is resized before the vision tower looks at it."""
    turns: int = Field(default=2, ge=1)
    """Images of an episode, where nobody says how many."""
    thinks: bool = True
    """Whether an episode of one turn begins with a thought; one of more always does."""
    temperature: float = 0.3
    top_p: float = 1.0
    max_thought_tokens: int = 1000
    max_prompt_tokens: int = Field(default=4096, ge=1)
    world: Literal["scenes"] | None = None
    """The closed world of prompts that the model knows, if it knows no other."""
    scores: dict[str, Any] = Field(default_factory=dict)
    """What was measured of this checkpoint, for `irg info`."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        """What no plan could be made of is told when the file is read."""
        self.plan()
        return self

    @classmethod
    def from_folder(cls, folder: Path) -> "Settings":
        """The folder's own recipe, or the defaults if it has none."""
        path = folder / FILE
        if not path.exists():
            return cls()
        return checked(cls, read_json(path), str(path))

    @classmethod
    def of(cls, folder: CheckpointFolder) -> "Settings":
        """Those of a checkpoint; where it has adapters, theirs go before its own."""
        added = folder.adapters
        return cls.from_folder(added.path if added and (added.path / FILE).exists() else folder.path)

    def save(self, folder: Path) -> None:
        content = self.model_dump(mode="json", exclude_defaults=True)
        write_atomically(folder / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def prompt_ids(self, prompt: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """The tokens of a prompt. Raises ValueError for one that is empty, or longer than the model takes."""
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
        """The checkpoint's usual plan; for so many turns, with or without thoughts, where that is given."""
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

    def edit_plan(self, width: int, height: int, think: bool | None = None) -> Plan:
        turn = TurnPlan(self.edit_thinks if think is None else think, self.edit, self.num_points, self.shift)
        return Plan((turn,), width, height, self.text_sampling())

    def text_sampling(self) -> TextSampling:
        return TextSampling(self.temperature, self.top_p, self.max_thought_tokens)
