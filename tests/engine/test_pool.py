import pickle
import resource
import sys
from pathlib import Path

import pytest
import torch

from irg.engine import SlotPool
from irg.engine.pool import GROWTH
from irg.model import UnifiedModel


@pytest.fixture
def pool(model: UnifiedModel) -> SlotPool:
    return SlotPool(model)


def rows(slots: tuple) -> list[int]:
    return [slot.row for slot in slots]


def test_a_slab_has_room_for_every_layer_in_the_models_type(double_model: UnifiedModel) -> None:
    (slot,) = SlotPool(double_model).take(1, 5)
    decoder = double_model.config.decoder
    expected = (decoder.num_layers, 2, 1, GROWTH, decoder.num_kv_heads, decoder.head_width)
    assert slot.slab.pairs.shape == expected and slot.room == GROWTH
    assert slot.slab.pairs.dtype is torch.float64


def test_slots_are_neighbours_and_never_move(pool: SlotPool) -> None:
    first = pool.take(3, GROWTH)
    block = first[0].slab.pairs
    second = pool.take(2, GROWTH + 1)
    assert rows(first) == [0, 1, 2] and rows(second) == [0, 1]
    assert first[0].slab.pairs is block and second[0].slab is not first[0].slab
    assert second[0].room == 2 * GROWTH


def test_what_nobody_holds_is_taken_again(pool: SlotPool) -> None:
    slab = pool.reserve(4, GROWTH)
    held = list(pool.take(4, 10))
    del held[1]
    (again,) = pool.take(1, 10)
    assert again.slab is slab and again.row == 1
    del held[1:], again
    # Rows 1, 2 and 3 are free, and three neighbours fit; four do not.
    assert rows(pool.take(3, 10)) == [1, 2, 3]
    assert pool.take(4, 10)[0].slab is not slab


def test_a_slab_that_is_too_small_is_left(pool: SlotPool) -> None:
    slab = pool.reserve(2, GROWTH)
    assert pool.take(1, GROWTH + 1)[0].slab is not slab


def test_slabs_go_with_their_last_slot_unless_they_are_reserved(pool: SlotPool) -> None:
    kept = pool.reserve(1, GROWTH)
    slots = pool.take(2, GROWTH)
    assert len(list(pool)) == 2
    del slots
    assert list(pool) == [kept]


def test_a_slot_is_clean_again(pool: SlotPool) -> None:
    """What an earlier row left there might be no number, and spread."""
    slab = pool.reserve(1, GROWTH)
    (slot,) = pool.take(1, 4)
    slab.pairs[:, :, 0, :4] = float("nan")
    slab.used[0] = 4
    del slot
    (slot,) = pool.take(1, 4)
    assert slot.slab is slab and not slab.pairs.isnan().any()


def test_slots_made_in_inference_mode_can_be_written_outside_it(pool: SlotPool) -> None:
    with torch.inference_mode():
        (slot,) = pool.take(1, 4)
    slot.slab.pairs[:, :, 0, 0] = 1.0
    assert slot.slab.pairs.sum() > 0


def test_a_pool_begins_anew_in_another_process(pool: SlotPool) -> None:
    slots = pool.take(2, 4)
    again = pickle.loads(pickle.dumps(pool))
    assert not list(again) and len(list(pool)) == 1 and slots
    assert again.take(1, 4)[0].slab.pairs.shape[0] == slots[0].slab.pairs.shape[0]


def test_a_margin_lies_before_the_first_token(pool: SlotPool) -> None:
    slots = pool.take(2, GROWTH, margin=5)
    slab = slots[0].slab
    assert slots[1].margin == 5 and slots[1].room == GROWTH and slab.whole.shape[3] == GROWTH + 5
    assert slab.pairs[0, 0, 1, 0].data_ptr() == slab.whole[0, 0, 1, 5].data_ptr()
    del slots
    assert pool.take(1, GROWTH)[0].slab is slab, "who needs none takes what is there"
    assert pool.take(1, GROWTH, margin=6)[0].slab is not slab


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_room_that_nobody_writes_to_takes_no_memory(pool: SlotPool) -> None:
    before = _resident_bytes()
    slab = pool.reserve(64, 64 * GROWTH)
    assert slab.whole.nbytes > 2**26 and slab.whole[-1, -1, -1, -1].eq(0).all()
    assert _resident_bytes() - before < slab.whole.nbytes / 4


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
