"""An expert: with gradients, without, and by weights that are laid out."""

import copy
import pickle

import pytest
import torch

from irg.model import ModelConfig
from irg.model.expert import Expert, RMSNorm
from irg.model.panels import ROWS, can_lay_out, laid_out_types
from irg.model.rope import rope_table, turning


def test_a_norm_is_the_root_of_the_mean_square_in_float32() -> None:
    norm = RMSNorm(4, 1e-6)
    norm.weight.data = torch.tensor([1.0, 2.0, 3.0, 4.0])
    hidden = torch.tensor([[1.0, -2.0, 2.0, 4.0]])
    expected = hidden / (25 / 4) ** 0.5 * norm.weight
    assert torch.allclose(norm(hidden), expected, rtol=1e-5, atol=0)
    half = norm.to(torch.bfloat16)(torch.full((1, 4), 300.0, dtype=torch.bfloat16))
    assert half.dtype is torch.bfloat16 and half.tolist() == [[1.0, 2.0, 3.0, 4.0]]


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


@pytest.fixture
def laid_out(config: ModelConfig) -> Expert:
    """An expert that may lay out its weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expert = Expert(config.decoder).requires_grad_(False)
        for norm in (expert.attention_norm, expert.query_norm, expert.key_norm, expert.mlp_norm):
            norm.weight.data.normal_(1.0, 0.2)
        expert.query.bias.data.normal_()
    if not can_lay_out([expert.query]):
        pytest.skip("products of this machine are not those of MKL")
    expert.join()
    expert.may_lay_out = True
    return expert.eval()


def run(expert: Expert, num: int) -> list[torch.Tensor]:
    """Without gradients, on so many tokens."""
    width, dtype = expert.query.in_features, expert.query.weight.dtype
    hidden, seen = torch.randn(2, num, width, generator=torch.Generator().manual_seed(2)).to(dtype)
    before = hidden.clone()
    with torch.no_grad():
        rope = turning(rope_table(torch.arange(num), expert.head_width, 1e6, dtype))
        projected = expert.project(hidden, rope)
        made = [*(one for one in projected if one is not None), expert.finish(hidden, seen)]
    assert torch.equal(hidden, before), "what was given is still needed"
    return made


@pytest.mark.parametrize("num", [ROWS, 2 * ROWS, 2 * ROWS + 3])
def test_laid_out_weights_compute_the_same_in_blocks(laid_out: Expert, num: int) -> None:
    got = run(laid_out, num)
    assert laid_out._panels is not None
    laid_out.may_lay_out = False
    for one, other in zip(got, run(laid_out, num), strict=True):
        assert one.shape == other.shape and torch.allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(torch.bfloat16 not in laid_out_types(), reason="bfloat16 is multiplied as it is here")
def test_bfloat16_is_multiplied_in_float32_and_rounded_as_it_is_without(laid_out: Expert) -> None:
    laid_out.bfloat16().join()
    got = run(laid_out, 2 * ROWS)
    assert laid_out._panels is not None
    laid_out.may_lay_out = False
    for one, other in zip(got, run(laid_out, 2 * ROWS), strict=True):
        assert one.dtype is torch.bfloat16 and torch.allclose(one, other, rtol=2e-2, atol=2e-2)


def test_few_tokens_lay_out_nothing(laid_out: Expert) -> None:
    run(laid_out, ROWS - 1)
    assert laid_out._panels is None


def test_weights_that_change_are_laid_out_anew(laid_out: Expert) -> None:
    run(laid_out, ROWS)
    before = laid_out._panels
    run(laid_out, ROWS)
    assert laid_out._panels is before
    for layer in (laid_out.key, laid_out.gate, laid_out.output):
        with torch.no_grad():
            layer.weight.mul_(-2)
        got = run(laid_out, ROWS)
        assert laid_out._panels is not before
        before = laid_out._panels
        laid_out.may_lay_out = False
        for one, other in zip(got, run(laid_out, ROWS), strict=True):
            assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)
        laid_out.may_lay_out = True
    laid_out.down = torch.nn.Sequential(laid_out.down)  # pyright: ignore[reportAttributeAccessIssue]
    run(laid_out, ROWS)
    assert laid_out._panels is None, "what is no plain layer any more"


def test_weights_that_are_trained_are_not_laid_out(laid_out: Expert) -> None:
    """Also where a fused optimizer, which leaves no trace of what it writes, changes them."""
    run(laid_out, ROWS)
    run(laid_out.train(), ROWS)
    assert laid_out._panels is None
    laid_out.gate.weight.data.mul_(-2)
    got = run(laid_out.eval(), ROWS)
    laid_out.may_lay_out = False
    for one, other in zip(got, run(laid_out, ROWS), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)


def test_copies_lay_out_their_own(laid_out: Expert) -> None:
    expected = run(laid_out, ROWS)
    for other in (copy.deepcopy(laid_out), pickle.loads(pickle.dumps(laid_out))):
        assert other._panels is None
        for one, two in zip(expected, run(other, ROWS), strict=True):
            assert torch.allclose(one, two, rtol=1e-5, atol=1e-5)
