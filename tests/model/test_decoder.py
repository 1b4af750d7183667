"""The decoder: two streams that meet in attention alone."""

import pytest
import torch

from irg.model import ModelConfig, Projected, WantedStreams
from irg.model.attention import Attended, in_expert_order
from irg.model.decoder import Decoder, DecoderLayer
from irg.model.rope import rope_table, turning


def attend(index: int, understood: Projected | None, generated: Projected | None) -> Attended:
    """Everybody sees everybody."""
    return in_expert_order(attend_to_all, (understood, generated))


def attend_to_all(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    group = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(group, dim=1), value.repeat_interleave(group, dim=1)
    scores = torch.einsum("thk,shk->hts", query, key) / query.shape[-1] ** 0.5
    return torch.einsum("hts,shk->thk", scores.softmax(dim=-1), value)


@pytest.fixture
def layer(config: ModelConfig) -> DecoderLayer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DecoderLayer(config.decoder, 0).double().requires_grad_(False)


def streams(config: ModelConfig, *lengths: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.randn(length, config.decoder.width, dtype=torch.float64, generator=generator)
        for length in lengths
    )


def ropes(config: ModelConfig, *lengths: int) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    head, theta = config.decoder.head_width, config.decoder.rope_theta
    return tuple(turning(rope_table(torch.arange(length), head, theta, torch.float64)) for length in lengths)


def test_an_idle_expert_changes_nothing(layer: DecoderLayer, config: ModelConfig) -> None:
    """Without gradients it is left out; with them it runs on nothing."""
    hidden, nothing = streams(config, 5, 0)
    with torch.no_grad():
        alone = layer(hidden, nothing, ropes(config, 5, 0), attend)
    with torch.enable_grad():
        both = layer(hidden, nothing, ropes(config, 5, 0), attend)
    for one, other in zip(alone, both, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)
    assert both[1].shape == (0, config.decoder.width)


def test_each_stream_has_its_own_weights_and_sees_the_other(layer: DecoderLayer, config: ModelConfig) -> None:
    understood, generated = streams(config, 4, 3)
    tables = ropes(config, 4, 3)
    before = layer(understood, generated, tables, attend)
    layer.generation.down.weight.mul_(2)  # after attention: its own stream alone
    after = layer(understood, generated, tables, attend)
    assert torch.equal(before[0], after[0]) and not torch.allclose(before[1], after[1])
    layer.generation.value.weight.mul_(2)  # before it: both
    last = layer(understood, generated, tables, attend)
    assert not torch.allclose(after[0], last[0])


def test_a_decoder_is_its_layers_in_turn_and_a_norm_for_each_stream(config: ModelConfig) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder = Decoder(config.decoder).double().requires_grad_(False)
    decoder.generation_norm.weight.mul_(3)
    expected = understood, generated = streams(config, 4, 3)
    places = torch.arange(4), torch.arange(3) + 9
    head, theta = config.decoder.head_width, config.decoder.rope_theta
    tables = tuple(turning(rope_table(place, head, theta, torch.float64)) for place in places)
    for layer in decoder.layers:
        expected = layer(*expected, tables, attend)
    got = decoder((understood, generated), tables, attend)
    assert torch.equal(got[0], decoder.understanding_norm(expected[0]))
    assert torch.equal(got[1], decoder.generation_norm(expected[1]))


@pytest.mark.parametrize("wanted", WantedStreams)
def test_what_is_wanted_is_the_same_and_what_is_not_asks_nothing(
    config: ModelConfig, wanted: WantedStreams
) -> None:
    """In the last layer alone; keys and values are there all the same, for who stores them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder = Decoder(config.decoder).double().requires_grad_(False)
    asked: list[tuple[bool, bool]] = []

    def watched(index: int, ours: Projected | None, theirs: Projected | None) -> Attended:
        assert ours is not None and theirs is not None
        asked.append((ours.query_THK is not None, theirs.query_THK is not None))
        key = torch.cat([ours.key_TGK, theirs.key_TGK])
        value = torch.cat([ours.value_TGK, theirs.value_TGK])
        seen = (
            None if one is None else attend_to_all(one, key, value).flatten(1) for one in (ours[0], theirs[0])
        )
        return next(seen), next(seen)

    both, tables = streams(config, 4, 3), ropes(config, 4, 3)
    everything = decoder(both, tables, attend)
    with torch.no_grad():
        got = decoder(both, tables, watched, wanted)
    assert asked[:-1] == [(True, True)] * (len(asked) - 1)
    assert asked[-1] == (WantedStreams.UNDERSTANDING in wanted, WantedStreams.GENERATION in wanted)
    for ours, expected, flag in zip(
        got, everything, (WantedStreams.UNDERSTANDING, WantedStreams.GENERATION), strict=True
    ):
        assert torch.allclose(ours, expected, rtol=0, atol=1e-12) == (flag in wanted)


def test_rotations_from_the_table_are_those_of_their_positions(config: ModelConfig) -> None:
    decoder = Decoder(config.decoder).requires_grad_(False)
    for positions in ([0], [5], [3, 1030, 3], [1023], [4000, 2]):
        pairs = zip(decoder.rope_of(positions), decoder.rope(torch.tensor(positions)), strict=True)
        assert all(torch.allclose(got, expected, rtol=0, atol=1e-6) for got, expected in pairs)
    decoder.double()
    assert all(one.dtype is torch.float64 for one in decoder.rope_of([7]))
