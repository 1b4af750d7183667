"""The state of a batch of episodes while they run: one context per episode, fed turn by turn.

Shape suffixes: R episodes, B images, H and W pixels, N latent tokens of an image, V values of a latent token.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from irg.core import BranchKind, Grid, Kind, Role, Segment, SpecialTokens, keeps
from irg.core.events import DenoisingStep, Event, ImageDone, ThoughtDelta, ThoughtDone
from irg.engine import (
    Canvas,
    Context,
    Draws,
    TextSampling,
    append,
    denoise,
    new_context,
    shifted_schedule,
    write,
)
from irg.model import Autoencoder, UnifiedModel
from irg.model.autoencoder import encode_by_size, from_tokens
from irg.pipeline.settings import Plan, Settings, TurnPlan
from irg.prep import Tokenizer, patches, to_pixels, to_uint8

RowEvent = tuple[int, Event]
"""An event, and the episode of the batch that it belongs to."""


@dataclass(frozen=True)
class Parts:
    """What an episode runs on."""

    model: UnifiedModel
    autoencoder: Autoencoder
    tokenizer: Tokenizer
    settings: Settings

    @property
    def special(self) -> SpecialTokens:
        return self.tokenizer.special


@dataclass
class Drawn:
    """What one turn of one episode came to."""

    thought: str | None = None
    capped: bool = False
    image: Image.Image | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    num_tokens: int = 0
    """Tokens of the thought that were written."""
    evaluations: int = 0
    """How often the model was run to draw the image."""


class Episodes:
    """A batch of episodes in step with each other.

    `main` is what they have read. The text branch of guidance is an earlier view of it, the image branch a
    context of its own that is made anew for each image.
    """

    def __init__(self, parts: Parts, plan: Plan, draws: Sequence[Draws]) -> None:
        self.parts, self.plan, self.draws = parts, plan, draws
        self.main: Context = new_context(parts.model, len(draws))
        self.drawn: list[Drawn] = []

    @property
    def num_rows(self) -> int:
        return len(self.draws)

    def read_texts(self, texts: Sequence[tuple[int, ...]], role: Role, turn: int) -> None:
        self._read([(Segment(Kind.TEXT, role, ids, turn=turn),) for ids in texts])

    def read_images(
        self, images: Sequence[Image.Image], turn: int, clean: bool = True, view: bool = True
    ) -> None:
        """Images enter as CLEAN latents, then as a VIEW, or as one of them: questions see a VIEW alone."""
        documents = [[] for _ in images]
        if clean:
            for document, segment in zip(documents, self._clean(images, turn), strict=True):
                document.append(segment)
        if view:
            for document, image in zip(documents, images, strict=True):
                document.append(self._view(image, turn))
        self._read([tuple(document) for document in documents])

    def begin_turn(self) -> None:
        self.drawn = [Drawn() for _ in range(self.num_rows)]

    def think(self, turn: int, sampling: TextSampling) -> Iterator[RowEvent]:
        """Write a thought per episode at the tip of its context, where it stays."""
        parts, before = self.parts, self.main
        with _timed(self.drawn, "thought"):
            shown = [""] * self.num_rows
            writing = None
            for writing in write(parts.model, before, sampling, self.draws, parts.special, turn):
                for row, ids in enumerate(writing.ids):
                    text = _stable(parts.tokenizer.decode(ids), writing.finished[row])
                    if len(text) > len(shown[row]):
                        yield row, ThoughtDelta(turn, text[len(shown[row]) :])
                        shown[row] = text
            assert writing is not None and writing.context is not None
            texts = [parts.tokenizer.decode(ids) for ids in writing.ids]
            again = [parts.tokenizer.encode(text) for text in texts]
            changed = [new != old for new, old in zip(again, writing.ids, strict=True)]
            self.main = writing.context
            if any(changed):
                self.main = before.rewound()
                self.read_texts(again, Role.THOUGHT, turn)
        for row, text in enumerate(texts):
            self.drawn[row].thought, self.drawn[row].capped = text, writing.capped[row]
            self.drawn[row].num_tokens = len(writing.ids[row])
            yield row, ThoughtDone(turn, text, len(writing.ids[row]), writing.capped[row], changed[row])

    def draw(self, turn: int, turn_plan: TurnPlan, text_branch: Context | None) -> Iterator[RowEvent]:
        """Draw an image per episode. `text_branch` is the contexts' view without the newest instruction."""
        parts, plan, guidance = self.parts, self.plan, turn_plan.guidance
        grid = plan.grid(parts.model.config)
        with _timed(self.drawn, "drawing"):
            noise_RNV = [
                draws.normal(grid.num_tokens, parts.model.config.latent_values) for draws in self.draws
            ]
            canvas = Canvas(
                self.main,
                text_branch if guidance.text_scale != 1.0 else None,
                self._image_branch(turn) if guidance.image_scale != 1.0 else None,
                (grid,) * self.num_rows,
            )
            schedule = shifted_schedule(turn_plan.num_points, turn_plan.shift)
            total, latent_RNV = len(schedule) - 1, None
            for step in denoise(parts.model, canvas, torch.cat(noise_RNV), schedule, guidance, parts.special):
                index = step.index + 1
                for row in self.drawn:
                    row.evaluations += step.evaluations
                latent_RNV = step.latent_MV.unflatten(0, (self.num_rows, grid.num_tokens))
                wanted = plan.preview_every and index % plan.preview_every == 0 and index < total
                estimate_RNV = step.estimate_MV.view_as(latent_RNV)
                previews = self._pictures(estimate_RNV, grid) if wanted else [None] * self.num_rows
                for row, preview in enumerate(previews):
                    yield row, DenoisingStep(turn, index, total, latent_RNV[row], preview)
        assert latent_RNV is not None
        with _timed(self.drawn, "decoding"):
            pictures = self._pictures(latent_RNV, grid)
        for row, picture in enumerate(pictures):
            self.drawn[row].image = picture
            yield row, ImageDone(turn, picture, latent_RNV[row])

    def _read(self, documents: Sequence[tuple[Segment, ...]]) -> None:
        self.main = append(self.parts.model, self.main, documents, self.parts.special)

    def _image_branch(self, turn: int) -> Context | None:
        """A context of what the image branch keeps, or None where that is all there is."""
        kept = [
            tuple(segment for segment in row if keeps(BranchKind.IMAGE, segment, turn))
            for row in self.main.history
        ]
        if all(len(ours) == len(row) for ours, row in zip(kept, self.main.history, strict=True)):
            return None
        return append(
            self.parts.model, new_context(self.parts.model, self.num_rows), kept, self.parts.special
        )

    def _pictures(self, latent_RNV: torch.Tensor, grid: Grid) -> list[Image.Image]:
        parts = self.parts
        latent_BChw = from_tokens(latent_RNV, parts.model.config.latent_patch, grid.rows)
        pixels_BCHW = parts.autoencoder.decode(latent_BChw.to(parts.model.dtype))
        if not pixels_BCHW.isfinite().all():
            raise ValueError("the model drew values that are no numbers: there is no picture to show")
        return [Image.fromarray(array) for array in to_uint8(pixels_BCHW)]

    def _clean(self, images: Sequence[Image.Image], turn: int) -> Iterator[Segment]:
        parts = self.parts
        resize, config = parts.settings.clean, parts.model.config
        sized = [resize(image) for image in images]
        tokens = encode_by_size(
            parts.autoencoder,
            [np.asarray(image) for image in sized],
            lambda batch: to_pixels(batch).to(parts.model.device, parts.model.dtype),
            lambda row, shape: self.draws[row].normal(*shape),
            config.latent_patch,
        )
        side = config.pixels_per_latent
        for row, image in enumerate(sized):
            grid = Grid.of(image.size, side)
            yield Segment(Kind.CLEAN, Role.IMAGE, tokens[row], turn=turn, grid=grid)

    def _view(self, image: Image.Image, turn: int) -> Segment:
        side = self.parts.model.config.vision.patch
        sized = self.parts.settings.view(image)
        cut = patches(to_pixels([sized])[0], side)
        return Segment(Kind.VIEW, Role.IMAGE, cut, turn=turn, grid=Grid.of(sized.size, side))


@contextmanager
def _timed(drawn: list[Drawn], name: str) -> Iterator[None]:
    """Adds the wall-clock seconds of a block to every episode's account."""
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    for row in drawn:
        row.seconds[name] = row.seconds.get(name, 0.0) + seconds


def _stable(text: str, finished: bool) -> str:
    """The part of a growing text that more tokens cannot change: a character may still be short of bytes."""
    return text if finished else text.rstrip("\N{REPLACEMENT CHARACTER}")
