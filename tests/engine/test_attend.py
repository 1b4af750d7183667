import pytest
import torch

from irg.core import Document, Kind, Segment, SpecialTokens, dense_mask, pack
from irg.engine import SlotPool, Strand, append, new_strands
from irg.engine.attend import Lane, Part, StrandAttend, parts_of, text_parts
from irg.engine.strand import to_draw_behind, with_room
from irg.model import ModelConfig, UnifiedModel
from tests.samples import Sampler


def drawn_mask(segments: list[Segment], length: int) -> list[str]:
    """Who sees which slot, as the parts say it: a row per new token, `length` slots that are there before."""
    num = sum(segment.num_tokens for segment in segments)
    rows = ["" for _ in range(num)]
    for part in parts_of(segments):
        first, step = part.slots
        for index in range(part.num):
            sees = length + part.sees - (part.num - 1 - index) * part.causal
            rows[first + step * index] = "#" * sees + "." * (length + num - sees)
    return rows


@pytest.mark.parametrize("seed", range(8))
def test_the_parts_say_what_the_rule_says(seed: int, config: ModelConfig, special: SpecialTokens) -> None:
    """The fourth form of the rule, against the dense one: who sees how many slots follows from the kind."""
    segments = list(Sampler(seed, config).document((Kind.TEXT, Kind.VIEW, Kind.CLEAN)))
    before = Segment(Kind.TEXT, segments[0].role, (1, 2))
    packed = pack([Document((before, *segments))], special)
    dense = dense_mask(packed)[before.num_tokens :]
    assert drawn_mask(segments, before.num_tokens) == [
        "".join("#" if seen else "." for seen in row) for row in dense.tolist()
    ]


def test_a_picture_is_its_delimiters_and_its_content(sampler: Sampler) -> None:
    text, view = sampler.text(2), sampler.image(Kind.VIEW, 1, 2)
    assert parts_of([text, view]) == (
        Part(Lane.TEXT, 4, (0, 1), 4, causal=True),
        Part(Lane.TEXT, 2, (4, 3), 8, causal=False),
        Part(Lane.PATCH, 2, (5, 1), 8, causal=False),
    )
    assert drawn_mask([text, view], 1) == [
        "##.......",
        "###......",
        "####.....",
        "#####....",
        "#########",
        "#########",
        "#########",
        "#########",
    ]


def strands(model: UnifiedModel, special: SpecialTokens, *lengths: int) -> tuple[Strand, ...]:
    sampler = Sampler(3, model.config)
    documents = [(sampler.text(length),) for length in lengths]
    return append(model, new_strands(SlotPool(model), len(lengths)), documents, special)


def noisy(model: UnifiedModel, special: SpecialTokens, *lengths: int) -> StrandAttend:
    image = Sampler(4, model.config).image(Kind.NOISY, 2, 2)
    ready = with_room(strands(model, special, *lengths), [image.num_tokens] * len(lengths))
    return StrandAttend(ready, [parts_of([image])] * len(lengths))


def test_rows_that_are_alike_go_through_as_one(model: UnifiedModel, special: SpecialTokens) -> None:
    assert [place.num_rows for place in noisy(model, special, 3, 3, 3).places] == [3, 3]
    assert [place.num_rows for place in noisy(model, special, 3, 3, 5).places] == [2, 2, 1, 1]


def test_single_tokens_of_rows_of_different_lengths_go_through_as_one(
    model: UnifiedModel, special: SpecialTokens
) -> None:
    (place,) = StrandAttend(strands(model, special, 3, 2, 5), [text_parts(1)] * 3).places
    assert place.mask is not None
    assert ["".join(".#"[seen] for seen in row) for row in place.mask[:, 0, 0].int().tolist()] == [
        "######..",
        "#####...",
        "########",
    ]
    places = StrandAttend(strands(model, special, 3, 4, 40), [text_parts(1)] * 3).places
    assert [place.num_rows for place in places] == [2, 1], "nobody is padded to many times its length"
    places = StrandAttend(strands(model, special, 3, 4), [text_parts(2)] * 2).places
    assert [place.num_rows for place in places] == [1, 1]


def test_masks_are_left_out_where_all_is_seen(model: UnifiedModel, special: SpecialTokens) -> None:
    assert all(place.mask is None and not place.is_causal for place in noisy(model, special, 3, 5).places)
    (fresh,) = with_room(new_strands(SlotPool(model)), [4])
    (place,) = StrandAttend([fresh], [text_parts(4)]).places
    assert place.mask is None and place.is_causal
    (place,) = StrandAttend(strands(model, special, 2), [text_parts(1)]).places
    assert place.mask is None and not place.is_causal
    (place,) = StrandAttend(strands(model, special, 2), [text_parts(2)]).places
    assert place.mask is not None and place.mask.tolist() == [[True] * 5 + [False], [True] * 6]


def test_a_pass_knows_when_its_strands_were_written_behind(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    before = strands(model, special, 3)
    attend = StrandAttend(before, [text_parts(1)])
    assert attend.is_current
    append(model, before, [(sampler.text(1),)], special)
    assert not attend.is_current
    with pytest.raises(AssertionError, match="written behind"):
        StrandAttend(before, [text_parts(1)])


def test_an_image_is_drawn_in_the_margin_as_in_a_slot_of_its_own(
    double_model: UnifiedModel, special: SpecialTokens
) -> None:
    """Behind a beginning, while the whole strand is drawn behind too; the strand stays what it was."""
    sampler = Sampler(3, double_model.config)
    texts, noisy = (sampler.text(3), sampler.text(6)), sampler.image(Kind.NOISY, 2, 2)
    empty = new_strands(SlotPool(double_model), 2, margin=noisy.num_tokens)
    mains = append(double_model, empty, [texts, texts], special)
    before = mains[0].slot.slab.pairs[:, :, 0, : mains[0].length].clone()
    rows = [*mains, *(strand.upto(1) for strand in mains)]
    packed = pack([Document((noisy,))] * len(rows), special, [strand.position for strand in rows])
    velocities = []
    for ready in (to_draw_behind(rows, [noisy.num_tokens] * 4), with_room(rows, [noisy.num_tokens] * 4)):
        attend = StrandAttend(ready, [parts_of([noisy])] * 4)
        assert attend.is_current and [place.num_rows for place in attend.places] == [2] * 4
        velocities.append(double_model.velocity(packed, attend))
    assert torch.allclose(*velocities, rtol=0, atol=1e-12)
    assert torch.equal(mains[0].slot.slab.pairs[:, :, 0, : mains[0].length], before)
    append(double_model, mains[:1], [(sampler.text(1),)], special)
    assert not attend.is_current


def test_keys_and_values_go_straight_into_the_slots(model: UnifiedModel, special: SpecialTokens) -> None:
    (strand,) = strands(model, special, 3)
    attend = StrandAttend([strand], [text_parts(1)])
    slot = strand.slot.slab.pairs[0, 0, strand.slot.row]
    assert attend.places[0].written[0].data_ptr() == slot[strand.length].data_ptr()
    assert attend.places[0].seen[0].data_ptr() == slot.data_ptr()
    assert torch.equal(attend.places[0].seen[1][0, :, : strand.length], _values(strand))


def _values(strand: Strand) -> torch.Tensor:
    return strand.slot.slab.pairs[0, 1, strand.slot.row, : strand.length].transpose(0, 1)
