"""Writing text: token by token at the tip of a context.

Shape suffixes: R rows, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from irg.core import Kind, Role, Segment, SpecialTokens, pack_tokens
from irg.core.values import check_number
from irg.engine.context import Context, read_packed
from irg.engine.draws import Draws
from irg.model import UnifiedModel

LEAST_TEMPERATURE = 1e-6
"""Logits divided by less may be no numbers any more."""


@dataclass(frozen=True)
class TextSampling:
    """How tokens are chosen. Temperature 0 is greedy; `max_tokens` does not count the delimiters."""

    temperature: float = 0.3
    top_p: float = 1.0
    max_tokens: int = 1000

    def __post_init__(self) -> None:
        if self.temperature != 0:
            check_number("temperature other than 0 (greedy):", self.temperature, LEAST_TEMPERATURE)
        check_number("top_p", self.top_p, above=0, high=1)
        check_number("max_tokens", self.max_tokens, 1, whole=True)


@dataclass(frozen=True)
class Writing:
    """What the rows have written so far. `capped` rows were stopped by the length cap."""

    ids: tuple[tuple[int, ...], ...]
    finished: tuple[bool, ...]
    capped: tuple[bool, ...]
    logits_RV: torch.Tensor
    context: Context | None = None
    """On the last one: the context that has read the finished texts, each closed as a TEXT segment."""


def write(
    model: UnifiedModel,
    context: Context,
    sampling: TextSampling,
    draws: Sequence[Draws],
    special: SpecialTokens,
    turn: int = 0,
) -> Iterator[Writing]:
    """Write one text per row, yielding after each token, and once more at the end, with the new context.

    Rows that are done wait for the others: they are fed on without moving their tip.
    """
    num_rows = context.num_rows
    ids: list[list[int]] = [[] for _ in range(num_rows)]
    finished, capped = [False] * num_rows, [False] * num_rows
    feed = [special.text_start] * num_rows
    tip, writing = context, None
    while not all(finished):
        packed = pack_tokens([[token] for token in feed], tip.positions).to(model.device)
        hidden_RD = read_packed(model, tip, packed).understanding_UD
        logits_RV = model.logits(hidden_RD).float()
        moved = [0 if done else 1 for done in finished]
        tip = tip.advanced(moved, moved, ((),) * num_rows)
        chosen = choose(logits_RV, sampling, draws, finished)
        for row, token in enumerate(chosen):
            if finished[row]:
                continue
            if token == special.text_end:
                finished[row] = True
                continue
            ids[row].append(token)
            feed[row] = token
            finished[row] = capped[row] = len(ids[row]) >= sampling.max_tokens
        writing = Writing(tuple(map(tuple, ids)), tuple(finished), tuple(capped), logits_RV)
        yield writing
    assert writing is not None
    yield replace(writing, context=_closed(model, tip, ids, capped, special, turn))


def log_likelihood(
    model: UnifiedModel, context: Context, texts: Sequence[tuple[int, ...]], special: SpecialTokens
) -> list[float]:
    """The log-probability that each row would write its text next. The context stays as it is.

    At temperature 1: every token's own share, summed; of the text alone, since of its end, which says nothing
    of what is written, a model may be anything but sure.
    """
    if len(texts) != context.num_rows:
        raise ValueError(f"{len(texts)} texts for a context of {context.num_rows} rows")
    packed = pack_tokens([(special.text_start, *ids) for ids in texts], context.positions).to(model.device)
    hidden_ND = read_packed(model, context, packed).understanding_UD
    log_share_NV = model.logits(hidden_ND).float().log_softmax(dim=-1)
    next_N = torch.tensor([token for ids in texts for token in (*ids, special.text_end)], device=model.device)
    chosen_N = log_share_NV.gather(1, next_N[:, None])[:, 0].cpu()
    return [run[:-1].sum().item() for run in chosen_N.split([len(ids) + 1 for ids in texts])]


def choose(
    logits_RV: torch.Tensor, sampling: TextSampling, draws: Sequence[Draws], skip: Sequence[bool]
) -> list[int]:
    """The next token of every row; rows marked in `skip` draw nothing."""
    if not logits_RV.isfinite().all():
        raise ValueError("the model computed values that are no numbers, so it cannot go on writing")
    if sampling.temperature == 0:
        return logits_RV.argmax(dim=-1).tolist()
    share_RV = (logits_RV / sampling.temperature).softmax(dim=-1).double().cpu()
    ordered_RV, token_RV = share_RV.sort(dim=-1, descending=True, stable=True)
    before_RV = ordered_RV.cumsum(dim=-1) - ordered_RV
    ordered_RV = ordered_RV.where(before_RV < sampling.top_p, 0.0)
    cumulative_RV = ordered_RV.cumsum(dim=-1)
    chosen = []
    for row, done in enumerate(skip):
        target = 0.0 if done else draws[row].uniform() * cumulative_RV[row, -1].item()
        index = int(torch.searchsorted(cumulative_RV[row], target, right=True))
        chosen.append(int(token_RV[row, min(index, token_RV.shape[1] - 1)]))
    return chosen


def _closed(
    model: UnifiedModel,
    tip: Context,
    ids: list[list[int]],
    capped: list[bool],
    special: SpecialTokens,
    turn: int,
) -> Context:
    """Feed what is still unread: of a row that hit the cap its last token, of all the end delimiter."""
    runs = [
        [row[-1], special.text_end] if cut else [special.text_end]
        for row, cut in zip(ids, capped, strict=True)
    ]
    packed = pack_tokens(runs, tip.positions).to(model.device)
    read_packed(model, tip, packed)
    written = [(Segment(Kind.TEXT, Role.THOUGHT, tuple(row), turn=turn),) for row in ids]
    return tip.advanced(packed.document_lengths, packed.document_advances, written)
