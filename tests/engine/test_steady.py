from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from irg.core import SpecialTokens
from irg.engine import (
    Desk,
    Line,
    SeededDraws,
    SlotPool,
    Strand,
    TextSampling,
    Writing,
    append,
    new_strands,
    write,
)
from irg.engine.pool import GROWTH
from irg.engine.steady import AHEAD
from irg.model import UnifiedModel
from tests.engine.host import HostTraffic
from tests.engine.outlook import held
from tests.samples import Sampler

SAMPLINGS = (TextSampling(1.0, max_tokens=11), TextSampling(0, max_tokens=6), TextSampling(0.7, 0.8, 9))


def prompted(
    model: UnifiedModel, special: SpecialTokens, compiled: bool, lengths: Sequence[int] = (4, 9, 2)
) -> tuple[Strand, ...]:
    sampler = Sampler(0, model.config)
    texts = [(sampler.text(length),) for length in lengths]
    return append(model, new_strands(SlotPool(model, compiled), len(lengths)), texts, special)


def lines(strands: Sequence[Strand], special: SpecialTokens) -> list[Line]:
    return [
        Line(strand, sampling, SeededDraws(seed), special.text_start)
        for seed, (strand, sampling) in enumerate(zip(strands, SAMPLINGS, strict=True))
    ]


def written(model: UnifiedModel, special: SpecialTokens, compiled: bool) -> list[Writing]:
    return list(write(model, lines(prompted(model, special, compiled), special), special))


@pytest.mark.parametrize("is_early", [False, True])
def test_a_few_tokens_at_once_are_what_they_are_one_by_one(
    is_early: bool, double_model: UnifiedModel, special: SpecialTokens
) -> None:
    """Of texts that are sampled differently and end at different tokens; nobody draws a number more."""
    if is_early:
        free = written(double_model, special, False)[-1]
        special = replace(special, text_end=free.lines[0].ids[AHEAD + 1])
    *steps, slow = written(double_model, special, False)
    *leaps, fast = written(double_model, special, True)
    assert len(leaps) < len(steps) / 2
    for ours, theirs in zip(fast.lines, slow.lines, strict=True):
        assert (ours.ids, ours.ended, ours.capped) == (theirs.ids, theirs.ended, theirs.capped)
        assert ours.draws.uniform() == theirs.draws.uniform()
    assert any(line.ended for line in slow.lines) == is_early
    assert fast.strands is not None and slow.strands is not None
    for ours, theirs in zip(fast.strands, slow.strands, strict=True):
        assert (ours.length, ours.position) == (theirs.length, theirs.position)
        assert ours.history[-1].ids == theirs.history[-1].ids
        assert torch.allclose(held(ours), held(theirs), rtol=0, atol=1e-10)


def test_who_waits_keeps_what_was_written(double_model: UnifiedModel, special: SpecialTokens) -> None:
    """Also where somebody else goes on from it meanwhile."""
    desk, strands = Desk(double_model, special), prompted(double_model, special, True)
    begun = desk.write_on(lines(strands, special))
    assert begun is not None
    first, second, third = begun[0]
    grown = append(double_model, [second.strand], [(Sampler(1, double_model.config).text(3),)], special)
    before = held(grown[0])
    done = desk.write_on([third, first])
    assert done is not None
    assert torch.equal(held(grown[0]), before)
    slow = written(double_model, special, False)[-1].lines
    assert [line.ids for line in done[0]] == [slow[row].ids[: 2 * AHEAD] for row in (2, 0)]


def test_steps_are_put_together_once_for_the_rows_that_come(
    double_model: UnifiedModel, special: SpecialTokens
) -> None:
    desk = Desk(double_model, special)
    first = desk.write_on(lines(prompted(double_model, special, True), special))
    assert first is not None
    step = desk._step
    assert desk.write_on(first[0][:1]) is not None and desk._step is step
    other = desk.write_on(lines(prompted(double_model, special, True), special))
    assert other is not None and desk._step is not step


def test_a_step_is_put_together_anew_where_rows_outgrow_it(
    double_model: UnifiedModel, special: SpecialTokens
) -> None:
    long = TextSampling(0, max_tokens=3 * AHEAD)
    found = []
    for compiled in (False, True):
        (strand,) = prompted(double_model, special, compiled, (GROWTH - AHEAD - 4,))
        *_, end = write(double_model, [Line(strand, long, SeededDraws(0), special.text_start)], special)
        found.append(end.lines[0].ids)
    assert found[0] == found[1] and len(found[0]) == 3 * AHEAD


def test_rows_that_are_no_neighbours_are_written_one_by_one(
    double_model: UnifiedModel, special: SpecialTokens
) -> None:
    first, _, third = lines(prompted(double_model, special, True), special)
    assert Desk(double_model, special).write_on([first, third]) is None
    *_, end = write(double_model, [first, third], special)
    slow = written(double_model, special, False)[-1].lines
    assert [line.ids for line in end.lines] == [slow[0].ids, slow[2].ids]


def test_values_that_are_no_numbers_are_no_text(double_model: UnifiedModel, special: SpecialTokens) -> None:
    (line, *_) = lines(prompted(double_model, special, True), special)
    line.strand.slot.slab.pairs[:, :, 0, 1] = float("nan")
    with pytest.raises(ValueError, match="no numbers"):
        list(write(double_model, [line], special))


def test_a_step_exchanges_nothing_with_the_host(double_model: UnifiedModel, special: SpecialTokens) -> None:
    desk = Desk(double_model, special)
    begun = desk.write_on(lines(prompted(double_model, special, True), special))
    assert begun is not None and desk._step is not None
    desk._step._begin(begun[0])
    with HostTraffic() as traffic:
        desk._step._go_on()
    assert (traffic.given, traffic.taken) == (0, 0)
