"""The decoder's pieces: norms, rotations, and two streams that meet in attention alone."""

import pytest
import torch

from irg.model import ModelConfig, Projected, Wanted
from irg.model.attention import Attended, in_expert_order
from irg.model.decoder import Decoder, DecoderLayer, RMSNorm, rope_table, rotate


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
    return tuple(rope_table(torch.arange(length), head, theta, torch.float64) for length in lengths)


def test_a_norm_is_the_root_of_the_mean_square_in_float32() -> None:
    norm = RMSNorm(4, 1e-6)
    norm.weight.data = torch.tensor([1.0, 2.0, 3.0, 4.0])
    hidden = torch.tensor([[1.0, -2.0, 2.0, 4.0]])
    expected = hidden / (25 / 4) ** 0.5 * norm.weight
    assert torch.allclose(norm(hidden), expected, rtol=1e-5, atol=0)
    half = norm.to(torch.bfloat16)(torch.full((1, 4), 300.0, dtype=torch.bfloat16))
    assert half.dtype is torch.bfloat16 and half.tolist() == [[1.0, 2.0, 3.0, 4.0]]


def test_scores_of_rotated_heads_depend_on_how_far_apart_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 3, 16, dtype=torch.float64, generator=generator)

    def score(first: int, second: int) -> torch.Tensor:
        tables = (rope_table(torch.tensor([place]), 16, 1e6, torch.float64) for place in (first, second))
        return (rotate(query, next(tables)) * rotate(key, next(tables))).sum(dim=-1)

    assert torch.allclose(score(7, 3), score(1004, 1000), rtol=0, atol=1e-9)
    assert not torch.allclose(score(7, 3), score(7, 4), rtol=0, atol=1e-3)
    assert torch.equal(rotate(query, rope_table(torch.tensor([0]), 16, 1e6, torch.float64)), query)


def test_a_rotation_turns_pairs_half_a_head_apart() -> None:
    table = rope_table(torch.tensor([1]), 4, 100.0, torch.float64)
    turned = rotate(torch.tensor([[[1.0, 0.0, 0.0, 0.0]]], dtype=torch.float64), table)
    one = torch.tensor(1.0, dtype=torch.float64)
    assert torch.allclose(turned[0, 0], torch.stack([one.cos(), 0 * one, one.sin(), 0 * one]))
    slower = rotate(torch.tensor([[[0.0, 1.0, 0.0, 0.0]]], dtype=torch.float64), table)
    tenth = one / 10
    assert torch.allclose(slower[0, 0], torch.stack([0 * one, tenth.cos(), 0 * one, tenth.sin()]))


def test_angles_of_far_positions_are_exact_in_bfloat16() -> None:
    place = torch.tensor([30_001])
    exact = rope_table(place, 16, 1e6, torch.float64)
    half = rope_table(place, 16, 1e6, torch.bfloat16)
    for one, other in zip(exact, half, strict=True):
        assert other.dtype is torch.bfloat16
        assert torch.allclose(one, other.double(), rtol=0, atol=1e-2)


def test_an_idle_expert_changes_nothing(layer: DecoderLayer, config: ModelConfig) -> None:
    """Without gradients it is left out; with them it runs on nothing."""
    hidden, nothing = streams(config, 5, 0)
    with torch.no_grad():
        alone = layer((hidden, nothing), ropes(config, 5, 0), attend)
    with torch.enable_grad():
        both = layer((hidden, nothing), ropes(config, 5, 0), attend)
    for one, other in zip(alone, both, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)
    assert both[1].shape == (0, config.decoder.width)


def test_each_stream_has_its_own_weights_and_sees_the_other(layer: DecoderLayer, config: ModelConfig) -> None:
    understood, generated = streams(config, 4, 3)
    tables = ropes(config, 4, 3)
    before = layer((understood, generated), tables, attend)
    layer.generation.down.weight.mul_(2)  # after attention: its own stream alone
    after = layer((understood, generated), tables, attend)
    assert torch.equal(before[0], after[0]) and not torch.allclose(before[1], after[1])
    layer.generation.value.weight.mul_(2)  # before it: both
    last = layer((understood, generated), tables, attend)
    assert not torch.allclose(after[0], last[0])


def test_a_decoder_is_its_layers_in_turn_and_a_norm_for_each_stream(config: ModelConfig) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder = Decoder(config.decoder).double().requires_grad_(False)
    decoder.generation_norm.weight.mul_(3)
    expected = understood, generated = streams(config, 4, 3)
    places = torch.arange(4), torch.arange(3) + 9
    head, theta = config.decoder.head_width, config.decoder.rope_theta
    tables = tuple(rope_table(place, head, theta, torch.float64) for place in places)
    for layer in decoder.layers:
        expected = layer(expected, tables, attend)
    got = decoder((understood, generated), tables, attend)
    assert torch.equal(got[0], decoder.understanding_norm(expected[0]))
    assert torch.equal(got[1], decoder.generation_norm(expected[1]))


@pytest.mark.parametrize("wanted", Wanted)
def test_what_is_wanted_is_the_same_and_what_is_not_asks_nothing(config: ModelConfig, wanted: Wanted) -> None:
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
    assert asked[-1] == (Wanted.UNDERSTANDING in wanted, Wanted.GENERATION in wanted)
    for ours, expected, flag in zip(got, everything, (Wanted.UNDERSTANDING, Wanted.GENERATION), strict=True):
        assert torch.allclose(ours, expected, rtol=0, atol=1e-12) == (flag in wanted)
