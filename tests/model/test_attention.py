import pytest
import torch

from irg.core import Document, Kind, Packed, SpecialTokens, pack
from irg.model import FlexAttend, ModelConfig, PaddedAttend
from irg.model.attention import Attend, similar
from tests.model.naive import dense_attend
from tests.samples import Sampler


def attended(attend: Attend, packed: Packed, tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Attention of tensors given in row order, handed over in expert order and put back."""
    order = torch.cat([packed.understanding_index_U, packed.latent_index_M])
    return attend(0, *(tensor[order] for tensor in tensors))[order.argsort()]


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


def test_documents_of_similar_length_go_together() -> None:
    assert similar((10, 100, 71, 69, 9, 6)) == [(1, 2), (3,), (0, 4), (5,)]
    assert similar((5,)) == [(0,)]
