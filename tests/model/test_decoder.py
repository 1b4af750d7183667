"""The decoder's pieces: norms, rotations, and two streams that meet in attention alone."""

import pytest
import torch

from irg.model import ModelConfig, Projected, WantedStreams
from irg.model.attention import Attended, in_expert_order
from irg.model.decoder import Decoder, DecoderLayer
from irg.model.expert import Expert, RMSNorm
from irg.model.rope import rope_table, rotate, turning


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
        tables = (
            turning(rope_table(torch.tensor([place]), 16, 1e6, torch.float64)) for place in (first, second)
        )
        return (rotate(query, next(tables)) * rotate(key, next(tables))).sum(dim=-1)

    assert torch.allclose(score(7, 3), score(1004, 1000), rtol=0, atol=1e-9)
    assert not torch.allclose(score(7, 3), score(7, 4), rtol=0, atol=1e-3)
    assert torch.equal(rotate(query, turning(rope_table(torch.tensor([0]), 16, 1e6, torch.float64))), query)


def test_a_rotation_turns_pairs_half_a_head_apart() -> None:
    table = turning(rope_table(torch.tensor([1]), 4, 100.0, torch.float64))
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


def twin_of(expert: Expert, hidden: torch.Tensor, seen: torch.Tensor) -> list[torch.Tensor]:
    """What the expert computes, as training has it."""
    with torch.enable_grad():
        projected = expert.project(
            hidden, turning(rope_table(torch.arange(len(hidden)), 16, 1e6, hidden.dtype))
        )
        return [*(one for one in projected if one is not None), expert.finish(hidden, seen)]


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize(
    ("dtype", "exact"), [(torch.float64, 1e-13), (torch.float32, 2e-6), (torch.bfloat16, 2e-2)]
)
def test_without_gradients_the_same_is_computed_in_fewer_steps(
    config: ModelConfig, joined: bool, dtype: torch.dtype, exact: float
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expert = Expert(config.decoder).to(dtype).requires_grad_(False)
        for norm in (expert.attention_norm, expert.query_norm, expert.key_norm, expert.mlp_norm):
            norm.weight.data.normal_(1.0, 0.2)
        hidden, seen = torch.randn(2, 7, config.decoder.width).to(dtype)
    expected = twin_of(expert, hidden, seen)
    if joined:
        expert.join()
    rope = turning(rope_table(torch.arange(7), 16, 1e6, dtype))
    with torch.no_grad():
        before = hidden.clone()
        got = [*(one for one in expert.project(hidden, rope) if one is not None), expert.finish(hidden, seen)]
    assert torch.equal(hidden, before), "what was given is still needed"
    for one, other in zip(got, expected, strict=True):
        assert one.dtype is dtype and torch.allclose(one, other, rtol=exact, atol=exact)


def test_joined_weights_are_still_those_of_the_layers(config: ModelConfig) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expert = Expert(config.decoder).requires_grad_(False)
        hidden, seen = torch.randn(2, 3, config.decoder.width)
    state = {name: value.clone() for name, value in expert.state_dict().items()}
    expert.join()
    assert all(torch.equal(value, state[name]) for name, value in expert.state_dict().items())
    rope = turning(rope_table(torch.arange(3), 16, 1e6, torch.float32))
    expert.query.weight.data.mul_(2)  # in place, as an optimizer or loading does
    with torch.no_grad():
        assert torch.allclose(
            expert.project(hidden, rope).value_TGK, twin_of(expert, hidden, seen)[2], atol=1e-6
        )
    assert expert.joined is not None and expert.joined.is_current(expert)
    with torch.no_grad():
        for norm in (expert.query_norm, expert.key_norm):
            norm.weight.mul_(3)
        for one, other in zip(expert.project(hidden, rope), twin_of(expert, hidden, seen), strict=False):
            assert one is not None and torch.allclose(one, other, atol=1e-5)
    key = expert.key
    expert.key = torch.nn.Linear(key.in_features, key.out_features)
    assert not expert.joined.is_current(expert), "one of the three is another layer"
    expert.key = key
    assert expert.joined.is_current(expert)
    expert.double()
    assert not expert.joined.is_current(expert), "other weights: those that were joined are not used"
    with torch.no_grad():
        exact = expert.project(hidden.double(), turning(rope_table(torch.arange(3), 16, 1e6, torch.float64)))
    assert exact.value_TGK.dtype is torch.float64


def test_what_is_no_plain_layer_stays_apart(config: ModelConfig) -> None:
    class Other(torch.nn.Linear):
        pass

    expert = Expert(config.decoder)
    expert.key = Other(expert.key.in_features, expert.key.out_features)
    expert.join()
    assert expert.joined is None


def test_rotations_from_the_table_are_those_of_their_positions(config: ModelConfig) -> None:
    decoder = Decoder(config.decoder).requires_grad_(False)
    for positions in ([0], [5], [3, 1030, 3], [1023], [4000, 2]):
        pairs = zip(decoder.rope_of(positions), decoder.rope(torch.tensor(positions)), strict=True)
        assert all(torch.allclose(got, expected, rtol=0, atol=1e-6) for got, expected in pairs)
    decoder.double()
    assert all(one.dtype is torch.float64 for one in decoder.rope_of([7]))
