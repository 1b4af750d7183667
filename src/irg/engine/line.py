"""A text on its way, as a value."""

from dataclasses import dataclass

from irg.engine.draws import Draws
from irg.engine.sampling import TextSampling
from irg.engine.strand import Strand


@dataclass(frozen=True, eq=False)
class Line:
    """A text that is being written: the strand that has read all of it but the newest token."""

    strand: Strand
    sampling: TextSampling
    draws: Draws
    unread: int
    """The newest token; at the beginning the start delimiter."""
    turn: int = 0
    ids: tuple[int, ...] = ()
    ended: bool = False
    """Whether it came to its end by itself."""

    @property
    def capped(self) -> bool:
        """Whether the length cap stopped it."""
        return not self.ended and len(self.ids) >= self.sampling.max_tokens

    @property
    def finished(self) -> bool:
        return self.ended or self.capped
