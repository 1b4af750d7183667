"""Texts whose tokens are not all the model's to choose: a given beginning, and one of a few ways to go on.

Shape suffixes: R rows, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from irg.core import SpecialTokens, pack_tokens
from irg.engine.attend import StrandAttend, text_parts
from irg.engine.line import Line
from irg.engine.sampling import choose
from irg.engine.strand import with_room
from irg.model import UnifiedModel, WantedStreams

Tokens = tuple[int, ...]


def given_tokens(model: UnifiedModel, lines: Sequence[Line], runs: Sequence[Tokens]) -> tuple[Line, ...]:
    """The lines as if each had written these tokens too. They do not count as those that it may write."""
    rows = [row for row, run in enumerate(runs) if run]
    if not rows:
        return tuple(lines)
    unread = [[lines[row].unread, *runs[row][:-1]] for row in rows]
    strands = with_room([lines[row].strand for row in rows], [len(run) for run in unread])
    packed = pack_tokens(unread, [strand.position for strand in strands]).to(model.device)
    model.remember(packed, StrandAttend(strands, [text_parts(len(run)) for run in unread]))
    after = list(lines)
    for row, strand, run in zip(rows, strands, unread, strict=True):
        read = replace(lines[row], strand=strand.advanced(len(run), len(run)), unread=runs[row][-1])
        after[row] = _with_more(read, runs[row])
    return tuple(after)


def one_of(
    model: UnifiedModel, line: Line, options: Sequence[Tokens], special: SpecialTokens
) -> tuple[Line, int]:
    """The line with one of these runs of tokens, chosen token by token by the line's own sampling among those
    that go on an option; and which one that is. What begins another option may also end there."""
    written: Tokens = ()
    while True:
        going = [option for option in options if option[: len(written)] == written]
        tokens = {option[len(written)] for option in going if len(option) > len(written)}
        is_whole = written in going
        if is_whole and not tokens:
            return line, list(options).index(written)
        if len(tokens) == 1 and not is_whole:
            chosen = tokens.pop()
        else:
            chosen = _chosen(model, line, tokens | ({special.text_end} if is_whole else set()))
            if is_whole and chosen == special.text_end:
                return line, list(options).index(written)
        (line,) = given_tokens(model, [line], [(chosen,)])
        written = (*written, chosen)


def _chosen(model: UnifiedModel, line: Line, allowed: set[int]) -> int:
    """The next token of a line among some. The line stays where it is: what is chosen is read as given."""
    (strand,) = with_room([line.strand], [1])
    token_R = torch.tensor([line.unread], device=model.device)
    attend = StrandAttend([strand], [text_parts(1)])
    hidden_RD = model.read_tokens(token_R, [strand.position], attend, WantedStreams.UNDERSTANDING)
    logits_RV = model.logits(hidden_RD).float()
    places = torch.tensor(sorted(allowed), device=logits_RV.device)
    (place,) = choose(logits_RV[:, places], [line.sampling], [line.draws])
    return int(places[place])


def _with_more(line: Line, run: Tokens) -> Line:
    sampling = replace(line.sampling, max_tokens=line.sampling.max_tokens + len(run))
    return replace(line, ids=(*line.ids, *run), sampling=sampling)
