from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from irg.core import Kind, Role, SpecialTokens, pack_tokens
from irg.engine import (
    Draws,
    Line,
    SeededDraws,
    SlotPool,
    Strand,
    TextSampling,
    Writing,
    append,
    closed,
    log_likelihood,
    new_strands,
    token_logs,
    write,
    write_on,
)
from irg.model import PaddedAttend, UnifiedModel
from tests.engine.outlook import held
from tests.samples import Sampler

GREEDY = TextSampling(temperature=0, max_tokens=8)


def prompted(
    model: UnifiedModel, special: SpecialTokens, lengths: Sequence[int] = (5,), seed: int = 0
) -> tuple[Strand, ...]:
    sampler = Sampler(seed, model.config)
    texts = [(sampler.text(length),) for length in lengths]
    return append(model, new_strands(SlotPool(model), len(lengths)), texts, special)


def begun(
    strands: Sequence[Strand],
    sampling: TextSampling,
    special: SpecialTokens,
    draws: Sequence[Draws] | None = None,
    turn: int = 0,
) -> list[Line]:
    own = draws or [SeededDraws(seed) for seed in range(len(strands))]
    pairs = zip(strands, own, strict=True)
    return [Line(strand, sampling, one, special.text_start, turn) for strand, one in pairs]


def last(model: UnifiedModel, lines: Sequence[Line], special: SpecialTokens) -> Writing:
    *_, end = write(model, lines, special)
    return end


def ids_of(writing: Writing) -> tuple[tuple[int, ...], ...]:
    return tuple(line.ids for line in writing.lines)


class CountedDraws(SeededDraws):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.count = 0

    def uniform(self) -> float:
        self.count += 1
        return super().uniform()


def test_greedy_text_is_the_argmax_of_a_full_forward(model: UnifiedModel, special: SpecialTokens) -> None:
    strands = prompted(model, special)
    prompt = strands[0].history[0]
    *steps, end = write(model, begun(strands, GREEDY, special), special)
    (ids,) = ids_of(end)
    assert len(ids) == GREEDY.max_tokens
    read = [special.text_start, *prompt.ids, special.text_end, special.text_start]
    for index, step in enumerate(steps):
        assert ids_of(step) == (ids[: index + 1],)
        packed = pack_tokens([[*read, *ids[:index]]], [0])
        hidden = model(packed, PaddedAttend(packed)).understanding_UD[-1]
        logits = model.logits(hidden)
        assert torch.allclose(step.logits_RV[0], logits, rtol=0, atol=1e-4)
        assert logits.argmax().item() == ids[index]


def test_the_cap_is_reported(model: UnifiedModel, special: SpecialTokens) -> None:
    *steps, end = write(model, begun(prompted(model, special), GREEDY, special), special)
    assert [step.lines[0].finished for step in steps] == [False] * 7 + [True]
    assert [step.lines[0].capped for step in steps] == [False] * 7 + [True]
    assert end.lines[0].finished and end.lines[0].capped
    assert end.strands is not None and all(step.strands is None for step in steps)


def ending(special: SpecialTokens, token: int) -> SpecialTokens:
    return replace(special, text_end=token)


def test_the_end_delimiter_ends_a_text(model: UnifiedModel, special: SpecialTokens) -> None:
    (ids,) = ids_of(last(model, begun(prompted(model, special), GREEDY, special), special))
    stop = next(index for index in range(1, len(ids)) if ids[index] not in ids[:index])
    ended = last(model, begun(prompted(model, special), GREEDY, special), ending(special, ids[stop]))
    (line,) = ended.lines
    assert line.ids == ids[:stop] and line.finished and not line.capped


@pytest.mark.parametrize("cut_short", [False, True])
def test_the_strand_has_read_what_was_written(
    cut_short: bool, model: UnifiedModel, special: SpecialTokens
) -> None:
    """A text that ended by itself or by the cap is in it as if it had been encoded and appended."""
    (ids,) = ids_of(last(model, begun(prompted(model, special), GREEDY, special), special))
    delimiters = special if cut_short else ending(special, ids[4])
    start = prompted(model, special)
    end = last(model, begun(start, GREEDY, special, turn=2), delimiters)
    assert end.lines[0].capped == cut_short and end.strands is not None
    (strand,) = end.strands
    thought = strand.history[-1]
    assert (thought.kind, thought.role, thought.turn) == (Kind.TEXT, Role.THOUGHT, 2)
    assert (thought.data,) == ids_of(end)

    (fresh,) = append(model, prompted(model, special), [(thought,)], delimiters)
    assert (strand.length, strand.position) == (fresh.length, fresh.position)
    assert torch.allclose(held(strand), held(fresh), rtol=0, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rows_of_a_batch_write_what_they_would_alone(
    temperature: float, model: UnifiedModel, special: SpecialTokens
) -> None:
    """Prompts of different lengths, texts that end at different steps."""
    lengths, sampling = (3, 9, 6, 1), TextSampling(temperature, max_tokens=12)
    free = last(model, begun(prompted(model, special, lengths), sampling, special), special)
    early = ending(special, free.lines[1].ids[3])
    together = last(model, begun(prompted(model, special, lengths), sampling, special), early)
    assert len({len(ids) for ids in ids_of(together)}) > 1
    assert together.strands is not None
    for row, strand in enumerate(prompted(model, special, lengths)):
        (alone,) = append(model, new_strands(SlotPool(model)), [strand.history], special)
        single = last(model, begun([alone], sampling, special, [SeededDraws(row)]), early)
        assert single.lines[0].ids == together.lines[row].ids
        assert single.lines[0].capped == together.lines[row].capped
        assert single.strands is not None
        ours, theirs = together.strands[row], single.strands[0]
        assert (ours.length, ours.position) == (theirs.length, theirs.position)
        assert torch.allclose(held(ours), held(theirs), rtol=0, atol=1e-5)


def test_lines_come_and_go_between_tokens(model: UnifiedModel, special: SpecialTokens) -> None:
    """Each is sampled in its own way; whoever waits for a few tokens writes the same text all the same."""
    strands = prompted(model, special, (3, 7, 5))
    samplings = [TextSampling(1.0, max_tokens=9), GREEDY, TextSampling(0.7, 0.9, 5)]

    def lines() -> list[Line]:
        return [begun([one], how, special)[0] for one, how in zip(strands, samplings, strict=True)]

    alone = [last(model, [line], special).lines[0].ids for line in lines()]
    now, order = lines(), [(0,), (0, 1), (2, 0), (1,), (2, 1, 0)]
    for going in [*order, *[(0, 1, 2)] * 9]:
        rows = [row for row in going if not now[row].finished]
        if rows:
            written, logits = write_on(model, [now[row] for row in rows], special)
            assert len(logits) == len(rows)
            for row, line in zip(rows, written, strict=True):
                now[row] = line
    assert [line.ids for line in now] == alone
    ended = closed(model, now, special)
    assert [strand.history[-1].ids for strand in ended] == alone
    assert all(
        strand.length == one.length
        for strand, one in zip(strands, prompted(model, special, (3, 7, 5)), strict=True)
    )


def test_siblings_write_on_from_one_strand(model: UnifiedModel, special: SpecialTokens) -> None:
    (strand,) = prompted(model, special)
    sampling = TextSampling(1.0, max_tokens=6)
    together = last(model, begun([strand] * 3, sampling, special), special)
    for seed in range(3):
        alone = last(model, begun(prompted(model, special), sampling, special, [SeededDraws(seed)]), special)
        assert ids_of(alone) == (together.lines[seed].ids,)
    assert len(set(ids_of(together))) == 3


def test_a_seed_means_the_same_text(model: UnifiedModel, special: SpecialTokens) -> None:
    sampling = TextSampling(temperature=1.0, max_tokens=12)
    texts = []
    for seed in (1, 1, 2):
        before = torch.random.get_rng_state()
        lines = begun(prompted(model, special), sampling, special, [SeededDraws(seed)])
        texts.append(ids_of(last(model, lines, special)))
        assert torch.equal(torch.random.get_rng_state(), before)
    assert texts[0] == texts[1] != texts[2]


def test_a_finished_row_draws_nothing(model: UnifiedModel, special: SpecialTokens) -> None:
    sampling = TextSampling(temperature=1.0, max_tokens=10)
    free = last(model, begun(prompted(model, special, (3, 4)), sampling, special), special)
    early = ending(special, free.lines[0].ids[2])
    draws = [CountedDraws(0), CountedDraws(1)]
    end = last(model, begun(prompted(model, special, (3, 4)), sampling, special, draws), early)
    for row, line in enumerate(end.lines):
        assert draws[row].count == len(line.ids) + (not line.capped)


def test_the_likelihood_of_a_text_is_that_of_writing_it_token_by_token(
    model: UnifiedModel, special: SpecialTokens
) -> None:
    strands = prompted(model, special, (5, 9))
    texts = [(3, 4, 5), (6,)]
    found = log_likelihood(model, strands, texts, special)
    for row, ids in enumerate(texts):
        prompt = strands[row].history[0]
        read = [special.text_start, *prompt.ids, special.text_end, special.text_start]
        expected = 0.0
        for token in ids:
            packed = pack_tokens([read], [0])
            logits = model.logits(model(packed, PaddedAttend(packed)).understanding_UD[-1])
            expected += logits.log_softmax(-1)[token].item()
            read.append(token)
        assert found[row] == pytest.approx(expected, abs=1e-3)


def test_asking_for_a_likelihood_changes_nothing(model: UnifiedModel, special: SpecialTokens) -> None:
    strands = prompted(model, special)
    before = held(strands[0])
    log_likelihood(model, strands, [(1, 2, 3, 4)], special)
    assert torch.equal(held(strands[0]), before) and strands[0].is_tip
    with pytest.raises(ValueError, match="2 texts for 1 strands"):
        log_likelihood(model, strands, [(1,), (2,)], special)


def test_who_else_is_in_a_pass_changes_no_byte(model: UnifiedModel, special: SpecialTokens) -> None:
    """In float32, as long as the shapes are the same: others write other texts behind other prompts."""
    ours = prompted(model, special, (5,))
    logits = []
    for seed in (1, 2):
        others = prompted(model, special, (5, 5), seed)
        lines = begun([*ours, *others], TextSampling(1.0, max_tokens=5), special)
        logits.append([step.logits_RV for step in write(model, lines, special)])
    assert all(torch.equal(one[0], other[0]) for one, other in zip(*logits, strict=True))
    assert not any(torch.equal(one[1], other[1]) for one, other in zip(*logits, strict=True))


def test_tokens_are_as_likely_as_where_they_were_sampled(model: UnifiedModel, special: SpecialTokens) -> None:
    """By the logits that each was chosen by, at the temperature of sampling, the end after them included."""
    temperature, strands = 0.7, prompted(model, special, (5, 9))
    sampling = TextSampling(temperature=temperature, max_tokens=6)
    logs: list[list[float]] = [[], []]
    written: tuple[tuple[int, ...], ...] = ((), ())
    for writing in write(model, begun(strands, sampling, special), special):
        if writing.strands is None:
            going = [row for row, ids in enumerate(written) if len(writing.lines[row].ids) > len(ids)]
            for place, row in enumerate(going):
                share_V = (writing.logits_RV[place] / temperature).log_softmax(dim=-1)
                logs[row].append(share_V[writing.lines[row].ids[-1]].item())
            written = tuple(line.ids for line in writing.lines)
    found = token_logs(model, strands, written, special, temperature)
    for row, expected in enumerate(logs):
        assert len(expected) == 6 and found[row][:-1].tolist() == pytest.approx(expected, abs=1e-4)
        assert found[row][-1] < 0
