import pytest
import torch

from irg.core import Document, Kind, Packed, SpecialTokens, pack
from irg.model import FlexAttend, ModelConfig, PaddedAttend, Projected
from irg.model.attention import Attend, similar
from tests.model.naive import dense_attend
from tests.samples import Sampler


def attended(attend: Attend, packed: Packed, tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Attention of tensors given in row order, handed over in expert order and put back."""
    indices = (packed.understanding_index_U, packed.latent_index_M)
    streams = [Projected(*(tensor[index] for tensor in tensors)) for index in indices]
    seen = [one for one in attend(0, *streams) if one is not None]
    return torch.cat(seen)[torch.cat(indices).argsort()].unflatten(-1, tensors[0].shape[1:])


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_every_form_is_dense_attention(
    seed: int, num_kv_heads: int, config: ModelConfig, special: SpecialTokens
) -> None:
    sampler = Sampler(seed, config)
    packed = pack([sampler.document() for _ in range(4)], special)
    heads = (4, num_kv_heads, num_kv_heads)
    tensors = tuple(sampler.normal(packed.num_tokens, num, 16) for num in heads)
    expected = dense_attend(packed, *tensors)
    for attend in (PaddedAttend(packed), FlexAttend(packed), FlexAttend(packed, packed.num_tokens + 7)):
        with torch.no_grad():
            assert torch.allclose(attended(attend, packed, tensors), expected, rtol=0, atol=2e-6)
    with torch.enable_grad():  # another path on a CPU
        assert torch.allclose(attended(PaddedAttend(packed), packed, tensors), expected, rtol=0, atol=2e-6)


def test_both_paths_have_the_same_gradients(config: ModelConfig, special: SpecialTokens) -> None:
    sampler = Sampler(0, config)
    packed = pack([sampler.document() for _ in range(4)], special)
    tensors = tuple(sampler.normal(packed.num_tokens, num, 16).requires_grad_() for num in (4, 2, 2))
    upstream = sampler.normal(packed.num_tokens, 4, 16)
    ours = torch.autograd.grad((attended(PaddedAttend(packed), packed, tensors) * upstream).sum(), tensors)
    dense = torch.autograd.grad((dense_attend(packed, *tensors) * upstream).sum(), tensors)
    for got, expected in zip(ours, dense, strict=True):
        assert torch.allclose(got, expected, rtol=0, atol=1e-5)


def test_a_full_mask_is_left_out(sampler: Sampler, special: SpecialTokens) -> None:
    images = [Document((sampler.image(Kind.NOISY, 2, 2),)) for _ in range(2)]
    assert PaddedAttend(pack(images, special)).rows[0].mask is None


def test_a_stream_without_tokens_may_be_absent(sampler: Sampler, special: SpecialTokens) -> None:
    packed = pack([Document((sampler.text(4),)), Document((sampler.text(2),))], special)
    stream = Projected(*(sampler.normal(packed.num_tokens, 2, 16) for _ in range(3)))
    nothing = Projected(*(torch.empty(0, 2, 16) for _ in range(3)))
    ours, theirs = PaddedAttend(packed)(0, stream, None)
    expected, none = PaddedAttend(packed)(0, stream, nothing)
    assert ours is not None and expected is not None and torch.equal(ours, expected)
    assert theirs is None and none is not None and len(none) == 0


def test_documents_of_similar_length_go_together() -> None:
    assert similar((10, 100, 71, 69, 9, 6)) == [(1, 2), (3,), (0, 4), (5,)]
    assert similar((5,)) == [(0,)]
