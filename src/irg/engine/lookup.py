"""Writing by looking up: what came after the same few tokens before is guessed to come again.

Reflections repeat much of the plan that they are about. The guess is read in one pass with the newest token,
and of all that was guessed right nothing need be read again. Tokens are chosen one after the other, by the
same numbers, so that the texts are those of `write_on`, greedy ones and sampled ones, up to the rounding of
arithmetic on more rows at once.

Shape suffixes: R rows, V vocabulary, N tokens of all rows, M tokens of one row.
"""

from array import array
from collections.abc import Sequence
from dataclasses import replace

import torch

from irg.core import Kind, SpecialTokens, pack_tokens
from irg.engine.attend import StrandAttend, text_parts
from irg.engine.line import Line
from irg.engine.sampling import choose
from irg.engine.strand import with_room
from irg.model import UnifiedModel, WantedStreams

_MOST_ALIKE, _LEAST_ALIKE = 4, 2
"""So many tokens have to be the same for what came after them to be guessed."""


def write_ahead(
    model: UnifiedModel, lines: Sequence[Line], special: SpecialTokens
) -> tuple[tuple[Line, ...], torch.Tensor] | None:
    """Every line, none of which is finished, with a token more, and as many besides as were guessed right;
    and the logits [R, V] of the newest ones. None where there is nothing to guess by."""
    assert not any(line.finished for line in lines)
    runs = [(line.unread, *_guess(line)) for line in lines]
    if all(len(run) == 1 for run in runs):
        return None
    strands = with_room([line.strand for line in lines], [len(run) for run in runs])
    packed = pack_tokens(runs, [strand.position for strand in strands]).to(model.device)
    attend = StrandAttend(strands, [text_parts(len(run)) for run in runs])
    hidden_ND = model(packed, attend, WantedStreams.UNDERSTANDING).understanding_UD
    logits_NV = model.logits(hidden_ND).float()
    written, newest = [], []
    for line, strand, run, logits_MV in zip(
        lines, strands, runs, logits_NV.split([len(run) for run in runs]), strict=True
    ):
        tokens = _chosen(line, run[1:], logits_MV, special)
        ended = tokens[-1] == special.text_end
        ids = tokens[:-1] if ended else tokens
        written.append(
            replace(
                line,
                strand=strand.advanced(len(tokens), len(tokens)),
                ids=(*line.ids, *ids),
                unread=line.unread if ended else tokens[-1],
                ended=ended,
            )
        )
        newest.append(logits_MV[len(tokens) - 1])
    return tuple(written), torch.stack(newest)


def guessed(known: Sequence[int], num: int) -> tuple[int, ...]:
    """Up to so many tokens that came after the newest ones when those came last; none where they are new."""
    tokens = array("q", known)
    step, content = tokens.itemsize, tokens.tobytes()
    for size in range(min(_MOST_ALIKE, len(tokens) - 1), _LEAST_ALIKE - 1, -1):
        tail, end = content[-size * step :], len(content) - step
        while (place := content.rfind(tail, 0, end)) >= 0:
            if place % step == 0:
                first = place // step + size
                return tuple(tokens[first : first + num])
            end = place + len(tail) - 1
    return ()


def _guess(line: Line) -> tuple[int, ...]:
    """For a line that goes on: at most so many as it may still have, but for the token that comes anyway."""
    most = min(line.sampling.lookup, line.sampling.max_tokens - len(line.ids) - 1)
    if most <= 0:
        return ()
    texts = (segment.ids for segment in line.strand.history if segment.kind is Kind.TEXT)
    return guessed([token for ids in (*texts, line.ids) for token in ids], most)


def _chosen(
    line: Line, guess: Sequence[int], logits_MV: torch.Tensor, special: SpecialTokens
) -> tuple[int, ...]:
    """The tokens that the line would get one after the other, as long as they are what was guessed."""
    tokens: list[int] = []
    for logits_V, expected in zip(logits_MV, (*guess, None), strict=True):
        tokens += choose(logits_V[None], [line.sampling], [line.draws])
        if tokens[-1] != expected or tokens[-1] == special.text_end:
            break
    return tuple(tokens)
