"""What an episode runs on, and what it has come to: a value to go on from, to keep, and to come back to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from PIL import Image

from irg.core import SpecialTokens
from irg.core.trace import Trace, Turn
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
    given: bool = False
    """The image was given, and not drawn."""
    revised: bool = False
    """The thought was put in the place of the one that the model wrote."""

    @property
    def turn(self) -> Turn:
        """As a trace keeps it, once there is an image."""
        assert self.image is not None
        seconds = dict(self.seconds)
        return Turn(self.thought, self.image, None, self.capped, seconds, self.given, self.revised)

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
    begun: Trace
    """What was asked for, and the turns before the one that was begun last."""
    others: tuple[Strand, ...] = ()
    """What guidance branches have read, so that longer ones go on from there."""
    num_before: int = 0
    """Segments from before the newest instruction: what the text branch of guidance keeps."""
    turn: int = 0
    """The number of the turn that was begun last, 0 before the first."""
    drawn: Drawn = Drawn()
    """What that turn has come to."""

    @property
    def trace(self) -> Trace:
        """The episode as far as images were drawn."""
        if self.drawn.image is None:
            return self.begun
        return replace(self.begun, turns=(*self.begun.turns, self.drawn.turn))
