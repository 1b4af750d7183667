"""What an episode runs on, and what it has come to: a value to go on from, to keep, and to come back to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from PIL import Image

from irg.core import SpecialTokens
from irg.engine import ALONE, Draws, SlotPool, Strand, Team
from irg.model import Autoencoder, UnifiedModel
from irg.pipeline.settings import Plan, Settings
from irg.prep import Tokenizer


@dataclass(frozen=True)
class Parts:
    """What episodes run on."""

    model: UnifiedModel
    autoencoder: Autoencoder
    tokenizer: Tokenizer
    settings: Settings
    pool: SlotPool
    team: Team = ALONE
    """The processes that draw together."""

    @property
    def special(self) -> SpecialTokens:
        return self.tokenizer.special


@dataclass(frozen=True)
class Drawn:
    """What one turn of one episode came to."""

    thought: str | None = None
    capped: bool = False
    image: Image.Image | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    num_tokens: int = 0
    """Tokens of the thought that were written."""
    evaluations: int = 0
    """How often the model was run to draw the image."""

    def took(self, name: str, seconds: float) -> "Drawn":
        """With so many more seconds of wall-clock time on the account of this name."""
        return replace(self, seconds={**self.seconds, name: self.seconds.get(name, 0.0) + seconds})


@dataclass(frozen=True, eq=False)
class State:
    """What one episode has come to.

    Nothing that is done later changes it, but for `draws`: whoever goes on twice from one state and wants the
    same random numbers gives it others (`replace`).
    """

    main: Strand
    """All that was read."""
    plan: Plan
    draws: Draws
    others: tuple[Strand, ...] = ()
    """What guidance branches have read, so that longer ones go on from there."""
    num_before: int = 0
    """Segments from before the newest instruction: what the text branch of guidance keeps."""
    turn: int = 0
    """The number of the turn that was begun last, 0 before the first."""
    drawn: Drawn = Drawn()
    """What that turn has come to."""
