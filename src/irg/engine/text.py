"""Writing text: token by token at the tips of strands.

A `Line` is one text on its way, a value; `write_on` gives any lines one more token each, in one pass: they
may stand behind different strands, be sampled differently, and come and go between tokens.

Shape suffixes: R rows, V vocabulary, N tokens of all rows, D width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from irg.core import Kind, Role, Segment, SpecialTokens, pack_tokens
from irg.engine.attend import StrandAttend, text_parts
from irg.engine.line import Line
from irg.engine.lookup import write_ahead
from irg.engine.sampling import choose
from irg.engine.steady import Desk
from irg.engine.strand import Strand, with_room
from irg.model import UnifiedModel, WantedStreams


@dataclass(frozen=True, eq=False)
class Writing:
    """What was written so far."""

    lines: tuple[Line, ...]
    logits_RV: torch.Tensor
    """Of the lines that got a token in this step; of the last, if those were several."""
    strands: tuple[Strand, ...] | None = None
    """On the last one: what has read the finished texts, each closed as a TEXT segment."""


def write(model: UnifiedModel, lines: Sequence[Line], special: SpecialTokens) -> Iterator[Writing]:
    """Write all of them, yielding after each token, and once more at the end, with the new strands.

    Lines that are finished leave the batch. Where texts are looked up, or steps compiled, or the host is not
    the device, a few tokens may come at once.
    """
    now, writing = list(lines), None
    is_compiled = any(line.strand.slot.slab.pool.compiled for line in lines)
    desk = Desk(model, special) if is_compiled or model.device.type != "cpu" else None
    while going := [row for row, line in enumerate(now) if not line.finished]:
        asked = [now[row] for row in going]
        done = write_ahead(model, asked, special) or (desk.write_on(asked) if desk else None)
        written, logits_RV = done or write_on(model, asked, special)
        for row, line in zip(going, written, strict=True):
            now[row] = line
        writing = Writing(tuple(now), logits_RV)
        yield writing
    assert writing is not None, "nothing to write"
    yield replace(writing, strands=closed(model, now, special))


def write_on(
    model: UnifiedModel, lines: Sequence[Line], special: SpecialTokens
) -> tuple[tuple[Line, ...], torch.Tensor]:
    """Every line, none of which is finished, with one more token, and the logits [R, V] it was chosen by."""
    assert not any(line.finished for line in lines)
    strands = with_room([line.strand for line in lines], [1] * len(lines))
    token_R = torch.tensor([line.unread for line in lines], device=model.device)
    positions = [strand.position for strand in strands]
    attend = StrandAttend(strands, [text_parts(1)] * len(lines))
    hidden_RD = model.read_tokens(token_R, positions, attend, WantedStreams.UNDERSTANDING)
    logits_RV = model.logits(hidden_RD).float()
    chosen = choose(logits_RV, [line.sampling for line in lines], [line.draws for line in lines])
    return tuple(
        replace(line, strand=strand.advanced(1, 1), **_with(line, token, special))
        for line, strand, token in zip(lines, strands, chosen, strict=True)
    ), logits_RV


def closed(model: UnifiedModel, lines: Sequence[Line], special: SpecialTokens) -> tuple[Strand, ...]:
    """The strands that have read the finished texts: what was still unread, and the end delimiter."""
    runs = [[line.unread, special.text_end] if line.capped else [special.text_end] for line in lines]
    strands = with_room([line.strand for line in lines], [len(run) for run in runs])
    packed = pack_tokens(runs, [strand.position for strand in strands]).to(model.device)
    model.remember(packed, StrandAttend(strands, [text_parts(len(run)) for run in runs]))
    return tuple(
        strand.advanced(len(run), len(run), (Segment(Kind.TEXT, Role.THOUGHT, line.ids, turn=line.turn),))
        for strand, run, line in zip(strands, runs, lines, strict=True)
    )


def log_likelihood(
    model: UnifiedModel, strands: Sequence[Strand], texts: Sequence[tuple[int, ...]], special: SpecialTokens
) -> list[float]:
    """The log-probability that each row would write its text next. The strands stay as they are.

    At temperature 1: every token's own share, summed; of the text alone, since of its end, which says nothing
    of what is written, a model may be anything but sure.
    """
    return [logs[:-1].sum().item() for logs in token_logs(model, strands, texts, special)]


def token_logs(
    model: UnifiedModel,
    strands: Sequence[Strand],
    texts: Sequence[tuple[int, ...]],
    special: SpecialTokens,
    temperature: float = 1.0,
) -> list[torch.Tensor]:
    """Of each row the log-probabilities, on the CPU, of every token of its text and of the end after it, if
    it wrote that next at this temperature. The strands stay as they are."""
    if len(texts) != len(strands):
        raise ValueError(f"{len(texts)} texts for {len(strands)} strands")
    runs = [(special.text_start, *ids) for ids in texts]
    ready = with_room(strands, [len(run) for run in runs])
    packed = pack_tokens(runs, [strand.position for strand in ready]).to(model.device)
    attend = StrandAttend(ready, [text_parts(len(run)) for run in runs])
    hidden_ND = model(packed, attend, WantedStreams.UNDERSTANDING).understanding_UD
    log_share_NV = (model.logits(hidden_ND).float() / temperature).log_softmax(dim=-1)
    next_N = torch.tensor([token for ids in texts for token in (*ids, special.text_end)], device=model.device)
    chosen_N = log_share_NV.gather(1, next_N[:, None])[:, 0].cpu()
    return list(chosen_N.split([len(run) for run in runs]))


def _with(line: Line, token: int, special: SpecialTokens) -> dict[str, Any]:
    if token == special.text_end:
        return {"ended": True}
    return {"ids": (*line.ids, token), "unread": token}
