"""A small pipeline, what it hands to the engine, and its events drawn as strings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from irg.core import SpecialTokens
from irg.core.events import DenoisingStep, Done, Event, ImageDone, ThoughtDelta, ThoughtDone
from irg.core.trace import Trace
from irg.engine import Line, Sketch, Strand, Team, Writing, denoise, write
from irg.model import UnifiedModel
from irg.pipeline import Pipeline, Settings
from tests.data.drawn import drawn
from tests.data.small import random_autoencoder, random_model, tokenizer

PROMPT = "two red circles left of a blue square"
SPECIAL = tokenizer().special


def pipeline_with(wanted: Settings, model: UnifiedModel | None = None) -> Pipeline:
    model = (model or random_model()).eval()
    return Pipeline(model, random_autoencoder().eval(), tokenizer(), wanted, {"name": "small"})


@dataclass
class Witness:
    """What the pipeline handed to the engine, and what came back of texts."""

    drawings: list[Sequence[Sketch]] = field(default_factory=list)
    """What was to be drawn, each time: a sketch per episode."""
    readings: list[Sequence[Line]] = field(default_factory=list)
    """What was to be written, each time: a line per episode."""
    writings: list[Writing] = field(default_factory=list)

    @property
    def sketches(self) -> list[Sketch]:
        """Those of the first episode."""
        return [drawing[0] for drawing in self.drawings]

    def denoise(
        self, model: UnifiedModel, sketches: Sequence[Sketch], special: SpecialTokens, team: Team
    ) -> Iterator[tuple[Sketch, ...]]:
        self.drawings.append(sketches)
        return denoise(model, sketches, special, team)

    def write(self, model: UnifiedModel, lines: Sequence[Line], special: SpecialTokens) -> Iterator[Writing]:
        self.readings.append(lines)
        for writing in write(model, lines, special):
            yield writing
            if writing.strands is not None:
                self.writings.append(writing)


def course(events: Iterable[Event]) -> str:
    """Events drawn: `~` text deltas, `T` thought, `i/n` step, `I` image, each with its turn; `D` done."""
    marks: list[str] = []
    for event in events:
        match event:
            case ThoughtDelta(turn):
                mark = f"~{turn}"
            case ThoughtDone(turn):
                mark = f"T{turn}"
            case DenoisingStep(turn, index, total):
                mark = f"{turn}:{index}/{total}"
            case ImageDone(turn):
                mark = f"I{turn}"
            case Done():
                mark = "D"
        if not marks or marks[-1] != mark or not mark.startswith("~"):
            marks.append(mark)
    return " ".join(marks)


def trace_of(events: Iterable[Event]) -> Trace:
    (done,) = [event for event in events if isinstance(event, Done)]
    return done.trace


def photo(width: int = 32, height: int = 32, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def history(strand: Strand | None) -> str | None:
    return None if strand is None else drawn(strand.history)
