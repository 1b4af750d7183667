"""The steps of episodes: each takes a batch of states, and gives the states after it.

States of a batch may have come to different things and be drawn in different sizes. The text branch of
guidance is a beginning of the main strand; the image branch goes on from the longest strand that began like
it.

Shape suffixes: B images, H and W pixels, N latent tokens of an image, V values of a latent token.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from irg.core import BranchKind, Grid, Kind, Role, Segment, keeps
from irg.core.events import DenoisingStep, Event, ImageDone, ThoughtDelta, ThoughtDone
from irg.core.segment import DELIMITERS
from irg.engine import (
    Line,
    Sketch,
    Strand,
    append,
    denoise,
    longest_beginning,
    shifted_schedule,
    write,
)
from irg.model.autoencoder import encode_by_size, from_tokens
from irg.pipeline.settings import Plan, TurnPlan
from irg.pipeline.state import Parts, State
from irg.prep import Tokenizer, patches, to_pixels, to_uint8

RowEvent = tuple[int, Event]
"""An event, and the episode of the batch that it belongs to."""

States = tuple[State, ...]
Steps = Generator[RowEvent, None, States]
"""Streams events; what it returns are the states after them."""


def room_for(parts: Parts, plan: Plan, num_tokens: int) -> int:
    """Tokens that an episode of the plan takes up at most, if it begins with so many."""
    config, settings = parts.model.config, parts.settings
    drawn = plan.grid(config).num_tokens + DELIMITERS
    size = settings.clean.size(plan.width, plan.height)
    clean = Grid.of(size, config.pixels_per_latent).num_tokens + DELIMITERS
    view = Grid.of(settings.view.size(*size), config.vision.patch).num_tokens + DELIMITERS
    thoughts = len(plan.turns) * (plan.text.max_tokens + DELIMITERS)
    return num_tokens + thoughts + (len(plan.turns) - 1) * (clean + view) + drawn


def margin_for(parts: Parts, plan: Plan) -> int:
    """Tokens of an image that is also drawn behind a beginning, as the text branch of guidance is."""
    is_guided = any(turn.guidance.text_scale != 1.0 for turn in plan.turns)
    return plan.grid(parts.model.config).num_tokens + DELIMITERS if is_guided else 0


def read_texts(parts: Parts, states: Sequence[State], texts: Sequence[tuple[int, ...]], role: Role) -> States:
    """Texts of the turn that each state is in."""
    documents = [
        (Segment(Kind.TEXT, role, ids, turn=state.turn),) for ids, state in zip(texts, states, strict=True)
    ]
    return _read(parts, states, documents)


def read_images(
    parts: Parts, states: Sequence[State], images: Sequence[Image.Image], clean: bool, view: bool
) -> States:
    """Images of the turn that each state is in enter as CLEAN latents, then as a VIEW, or as one of them:
    questions see a VIEW alone."""
    documents: list[list[Segment]] = [[] for _ in images]
    if clean:
        for document, segment in zip(documents, clean_segments(parts, states, images), strict=True):
            document.append(segment)
    if view:
        for document, image, state in zip(documents, images, states, strict=True):
            document.append(view_segment(parts, image, state.turn))
    return _read(parts, states, [tuple(document) for document in documents])


def think(parts: Parts, states: Sequence[State], lines: Sequence[Line] | None = None) -> Steps:
    """Write a thought per episode at the tip of its strand, where it stays. `lines` are texts that have been
    begun there."""
    started = time.perf_counter()
    shown = [GrowingText(parts.tokenizer) for _ in states]
    writing, begun = None, lines_of(parts, states) if lines is None else lines
    for writing in write(parts.model, begun, parts.special):
        for row, line in enumerate(writing.lines):
            if fresh := shown[row].more(line.ids, line.finished):
                yield row, ThoughtDelta(line.turn, fresh)
    assert writing is not None and writing.strands is not None
    parts.team.agree("thoughts", [line.ids for line in writing.lines])
    thoughts = read_lines(parts, states, writing.lines, writing.strands)
    seconds = time.perf_counter() - started
    for row, (_, done) in enumerate(thoughts):
        yield row, done
    return tuple(replace(state, drawn=state.drawn.took("thought", seconds)) for state, _ in thoughts)


def lines_of(parts: Parts, states: Sequence[State]) -> list[Line]:
    """The thoughts of the turn that each state is in, before their first words."""
    start = parts.special.text_start
    return [Line(state.main, state.plan.text, state.draws, start, state.turn) for state in states]


def read_lines(
    parts: Parts, states: Sequence[State], lines: Sequence[Line], strands: Sequence[Strand]
) -> list[tuple[State, ThoughtDone]]:
    """What episodes come to by their finished lines, which the strands have read (`closed`). Tokens that
    decoding and encoding does not give back are read again."""
    texts = [parts.tokenizer.decode(line.ids) for line in lines]
    again = [parts.tokenizer.encode(text) for text in texts]
    changed = [new != line.ids for new, line in zip(again, lines, strict=True)]
    reread = [
        (Segment(Kind.TEXT, Role.THOUGHT, ids, turn=state.turn),) if new else ()
        for ids, new, state in zip(again, changed, states, strict=True)
    ]
    kept = [
        state.main if new else strand for state, new, strand in zip(states, changed, strands, strict=True)
    ]
    after = []
    strands = append(parts.model, kept, reread, parts.special)
    for row, (state, strand, line) in enumerate(zip(states, strands, lines, strict=True)):
        drawn = replace(state.drawn, thought=texts[row], capped=line.capped, num_tokens=len(line.ids))
        done = ThoughtDone(line.turn, texts[row], len(line.ids), line.capped, changed[row])
        after.append((replace(state, main=strand, drawn=drawn), done))
    return after


def draw(parts: Parts, states: Sequence[State], turn_plan: TurnPlan) -> Steps:
    """Draw an image per episode."""
    started = time.perf_counter()
    states, blank = sketches_of(parts, states, turn_plan)
    return (yield from draw_sketches(parts, states, blank, started))


def draw_sketches(parts: Parts, states: Sequence[State], blank: Sequence[Sketch], started: float) -> Steps:
    """Draw the images of these sketches, an image per episode, all in as many steps. The time since `started`
    is on the account of drawing."""
    sketches, total = tuple(blank), len(blank[0].schedule) - 1
    for sketches in denoise(parts.model, blank, parts.special, parts.team):
        index = sketches[0].index
        wanted = [
            row
            for row, state in enumerate(states)
            if state.plan.preview_every and index % state.plan.preview_every == 0 and index < total
        ]
        estimates = pictures_of(parts, [(sketches[row].estimate_NV, sketches[row].grid) for row in wanted])
        previews = dict(zip(wanted, estimates, strict=True))
        for row, sketch in enumerate(sketches):
            yield row, DenoisingStep(states[row].turn, index, total, sketch.latent_NV, previews.get(row))
    decoding = time.perf_counter()
    pictures = pictures_of(parts, [(sketch.latent_NV, sketch.grid) for sketch in sketches])
    ended, after = time.perf_counter(), []
    for state, sketch, picture in zip(states, sketches, pictures, strict=True):
        evaluations = state.drawn.evaluations + sketch.evaluations
        drawn = replace(state.drawn, image=picture, evaluations=evaluations)
        drawn = drawn.took("drawing", decoding - started).took("decoding", ended - decoding)
        after.append(replace(state, drawn=drawn))
    for row, picture in enumerate(pictures):
        yield row, ImageDone(states[row].turn, picture, sketches[row].latent_NV)
    return tuple(after)


def sketches_of(
    parts: Parts, states: Sequence[State], turn_plan: TurnPlan
) -> tuple[States, tuple[Sketch, ...]]:
    """The images of the turn that each state is in, before their first steps; and the states, which hold what
    the image branches have read."""
    states = _with_image_branches(parts, states, turn_plan)
    return states, tuple(_sketch(parts, state, turn_plan) for state in states)


def pictures_of(parts: Parts, latents: Sequence[tuple[torch.Tensor, Grid]]) -> list[Image.Image]:
    """Of latents [N, V] and their grids; pictures of one size are decoded together."""
    pictures: dict[int, Image.Image] = {}
    for grid in dict.fromkeys(grid for _, grid in latents):
        rows = [row for row, (_, other) in enumerate(latents) if other == grid]
        latent_BNV = torch.stack([latents[row][0] for row in rows])
        latent_BChw = from_tokens(latent_BNV, parts.model.config.latent_patch, grid.rows)
        pixels_BCHW = parts.autoencoder.decode(latent_BChw.to(parts.model.dtype))
        if not pixels_BCHW.isfinite().all():
            raise ValueError("the model drew values that are no numbers: there is no picture to show")
        pictures.update(zip(rows, map(Image.fromarray, to_uint8(pixels_BCHW)), strict=True))
    return [pictures[row] for row in range(len(latents))]


class GrowingText:
    """How much of a growing text was shown. Only its newest tokens are decoded again: those that may still be
    short of bytes of a character."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer, self.num_settled, self.pending = tokenizer, 0, ""

    def more(self, ids: tuple[int, ...], finished: bool) -> str:
        """The text that has been added since, as far as more tokens cannot change it."""
        text = self.tokenizer.decode(ids[self.num_settled :])
        stable = text if finished else text.rstrip("\N{REPLACEMENT CHARACTER}")
        fresh = stable[len(self.pending) :]
        self.pending = stable
        if stable == text:
            self.num_settled, self.pending = len(ids), ""
        return fresh


def _read(parts: Parts, states: Sequence[State], documents: Sequence[tuple[Segment, ...]]) -> States:
    strands = append(parts.model, [state.main for state in states], documents, parts.special)
    return tuple(replace(state, main=strand) for state, strand in zip(states, strands, strict=True))


def _sketch(parts: Parts, state: State, turn_plan: TurnPlan) -> Sketch:
    config, main, guidance = parts.model.config, state.main, turn_plan.guidance
    grid = state.plan.grid(config)
    # A branch that lacks nothing would push away from itself.
    text = None if state.num_before == len(main.history) else main.upto(state.num_before)
    image = _kept_by_images(state)
    noise_NV = state.draws.normal(grid.num_tokens, config.latent_values).to(parts.model.device)
    return Sketch(
        main,
        text if guidance.text_scale != 1.0 else None,
        state.others[0] if guidance.image_scale != 1.0 and image is not None else None,
        grid,
        shifted_schedule(turn_plan.num_points, turn_plan.shift),
        guidance,
        noise_NV,
        saving=turn_plan.saving,
    )


def _kept_by_images(state: State) -> tuple[Segment, ...] | None:
    """What the image branch keeps of what was read, or None where that is all there is."""
    history = state.main.history
    kept = tuple(segment for segment in history if keeps(BranchKind.IMAGE, segment, state.turn))
    return None if len(kept) == len(history) else kept


def _with_image_branches(parts: Parts, states: Sequence[State], turn_plan: TurnPlan) -> States:
    """The states, the first of whose other strands is that of the image branch, where there is one."""
    if turn_plan.guidance.image_scale == 1.0:
        return tuple(states)
    kept = {row: ids for row, state in enumerate(states) if (ids := _kept_by_images(state)) is not None}
    strands, documents = [], []
    for row, history in kept.items():
        known = (*states[row].others, states[row].main)
        begun = longest_beginning(known, history) or Strand(states[row].main.slot)
        strands.append(begun)
        documents.append(history[len(begun.history) :])
    drawn = max((states[row].plan.grid(parts.model.config).num_tokens for row in kept), default=0)
    branches = append(parts.model, strands, documents, parts.special, drawn + DELIMITERS)
    after = list(states)
    for row, branch in zip(kept, branches, strict=True):
        after[row] = replace(states[row], others=(branch,))
    return tuple(after)


def clean_segments(parts: Parts, states: Sequence[State], images: Sequence[Image.Image]) -> Iterator[Segment]:
    """Images as CLEAN latents, each in the turn and with the random numbers of its state."""
    resize, config = parts.settings.clean, parts.model.config
    sized = [resize(image) for image in images]
    tokens = encode_by_size(
        parts.autoencoder,
        [np.asarray(image) for image in sized],
        lambda batch: to_pixels(batch).to(parts.model.device, parts.model.dtype),
        lambda row, shape: states[row].draws.normal(*shape),
        config.latent_patch,
    )
    for row, image in enumerate(sized):
        grid = Grid.of(image.size, config.pixels_per_latent)
        yield Segment(Kind.CLEAN, Role.IMAGE, tokens[row], turn=states[row].turn, grid=grid)


def view_segment(parts: Parts, image: Image.Image, turn: int) -> Segment:
    """An image as a VIEW. Raises ValueError for one that the vision tower's patches do not cover."""
    side = parts.model.config.vision.patch
    sized = parts.settings.view(image)
    if sized.width % side or sized.height % side:
        size = f"{sized.width}x{sized.height}"
        raise ValueError(f"a picture is looked at in {size} pixels: expected multiples of {side}")
    cut = patches(to_pixels([sized])[0], side)
    return Segment(Kind.VIEW, Role.IMAGE, cut, turn=turn, grid=Grid.of(sized.size, side))
