import pytest
import torch

from irg.core import Kind, Segment, SpecialTokens
from irg.engine import SlotPool, Strand, append, copies, longest_beginning, new_strands
from irg.engine.pool import GROWTH
from irg.engine.strand import to_draw_behind, with_room
from irg.model import UnifiedModel
from tests.engine.outlook import held, outlook
from tests.samples import Sampler


def read(model: UnifiedModel, special: SpecialTokens, *segments: Segment) -> Strand:
    (strand,) = append(model, new_strands(SlotPool(model)), [segments], special)
    return strand


def test_a_beginning_is_a_view_of_the_same_slot(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    segments = (sampler.text(3), sampler.image(Kind.CLEAN, 2, 2), sampler.text(4))
    whole = read(model, special, *segments)
    for num in range(4):
        fresh = read(model, special, *segments[:num])
        view = whole.upto(num)
        assert view.slot is whole.slot and view.is_tip == (num == 3)
        assert (view.length, view.position, view.history) == (fresh.length, fresh.position, fresh.history)
        assert torch.allclose(held(view), held(fresh), rtol=0, atol=1e-5)


def test_who_is_at_a_tip_with_room_stays(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    strand = read(model, special, sampler.text(3))
    assert with_room([strand], [GROWTH - strand.length]) == (strand,)
    (moved,) = with_room([strand], [GROWTH - strand.length + 1])
    assert moved.slot is not strand.slot and moved.is_tip and strand.is_tip
    assert torch.equal(held(moved), held(strand)) and moved.history == strand.history
    assert moved.slot.room == 2 * GROWTH, "who outgrew a slot is likely to grow on"


def test_who_is_behind_the_tip_goes_to_a_slot_of_its_own(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    whole = read(model, special, sampler.text(3), sampler.text(5))
    ready = with_room([whole, whole.upto(1)], [4, 4])
    assert ready[0] is whole and ready[1].slot is not whole.slot and ready[1].is_tip
    assert torch.equal(held(ready[1]), held(whole.upto(1)))


def test_rows_that_share_a_tip_part(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    strand = read(model, special, sampler.text(3))
    ready = with_room([strand] * 3, [4] * 3)
    assert len({id(one.slot) for one in ready}) == 3 and strand.slot not in [one.slot for one in ready]
    assert [one.slot.row for one in ready] == [0, 1, 2], "side by side, so that they go through as one"


def test_moving_asks_for_what_is_spare(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    strand = read(model, special, sampler.text(3))
    (moved,) = with_room([strand.upto(0)], [4], spare=GROWTH)
    assert moved.slot.room == 2 * GROWTH


def test_forks_that_go_different_ways_hold_what_each_read(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    shared, ways = sampler.text(3), [sampler.text(length) for length in (9, 4, 1)]
    start = read(model, special, shared)
    forks = append(model, [start] * 3, [(way,) for way in ways], special)
    later = append(model, [start, forks[0].upto(1)], [(way,) for way in ways[1:]], special)
    for fork, way in zip((*forks, *later), (*ways, *ways[1:]), strict=True):
        fresh = read(model, special, shared, way)
        assert fork.history == fresh.history == (shared, way)
        assert torch.allclose(held(fork), held(fresh), rtol=0, atol=1e-5)
    assert torch.allclose(outlook(model, forks, special)[0], outlook(model, forks[:1], special)[0], atol=1e-5)


def test_copies_have_read_the_same(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    strand = read(model, special, sampler.text(3))
    many = copies(strand, 3, 2 * GROWTH)
    assert [one.slot.row for one in many] == [0, 1, 2] and many[0].slot.room == 2 * GROWTH
    assert all(torch.equal(held(one), held(strand)) and one.is_tip for one in many)


def test_only_the_tip_can_be_written_behind(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    strand = read(model, special, sampler.text(3))
    append(model, [strand], [(sampler.text(1),)], special)
    with pytest.raises(AssertionError, match="only the tip"):
        strand.advanced(1, 1)


def test_the_longest_beginning_counts_only_the_same_segments(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    first, second, third = (sampler.text(2) for _ in range(3))
    one, other = read(model, special, first, second), read(model, special, first, third)
    known = (one, other)
    assert longest_beginning(known, (first, third, second)) is other
    found = longest_beginning(known, (first,))
    assert found is not None and found.history == (first,)
    assert longest_beginning(known, (second, first)) is None
    assert longest_beginning((), (first,)) is None
    twin = Segment(first.kind, first.role, first.data)
    assert longest_beginning(known, (twin,)) is None, "equal, but read by nobody"


def test_images_are_drawn_behind_a_beginning_without_a_copy(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """One at a time in each slot, and none that is larger than the margin."""
    empty = new_strands(SlotPool(model), 2, margin=6)
    texts = [(sampler.text(3), sampler.text(5))] * 2
    ours, theirs = append(model, empty, texts, special)
    rows = (ours, ours.upto(1), theirs.upto(1))
    assert to_draw_behind(rows, [6] * 3) == rows
    first, second = to_draw_behind([ours.upto(1), ours.upto(0)], [6, 6])
    assert first.slot is ours.slot and second.slot is not ours.slot and second.is_tip
    (large,) = to_draw_behind([ours.upto(1)], [7])
    assert large.slot is not ours.slot and large.is_tip


def test_a_slot_that_was_outgrown_is_left_for_one_with_the_same_margin(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    (strand,) = append(model, new_strands(SlotPool(model), margin=6), [(sampler.text(3),)], special)
    (moved,) = with_room([strand], [GROWTH])
    assert moved.slot is not strand.slot and moved.slot.margin == 6
    (fork,) = with_room([strand.upto(0)], [4], spare=4)
    assert fork.slot.margin == 0, "who says what room is wanted asks for no other"
