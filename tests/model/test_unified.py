import pytest
import torch

from irg.core import Document, Kind, Packed, SpecialTokens, pack
from irg.model import FlexAttend, ModelConfig, PaddedAttend, UnifiedModel
from tests.model.naive import hidden_states
from tests.models import in_row_order
from tests.samples import Sampler


def row(seed: int, config: ModelConfig, special: SpecialTokens, num_documents: int = 3) -> Packed:
    sampler = Sampler(seed, config)
    return pack([sampler.document() for _ in range(num_documents)], special)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("with_gradients", [False, True])
def test_the_forward_is_its_naive_twin(
    seed: int,
    with_gradients: bool,
    config: ModelConfig,
    double_model: UnifiedModel,
    special: SpecialTokens,
) -> None:
    """With gradients on, attention takes another path on a CPU."""
    packed = row(seed, config, special)
    with torch.set_grad_enabled(with_gradients):
        streams = double_model(packed, PaddedAttend(packed))
    expected = hidden_states(double_model, packed)
    assert torch.allclose(in_row_order(streams, packed), expected, rtol=0, atol=1e-11)
    velocity = double_model.velocity(packed, PaddedAttend(packed))
    assert torch.allclose(
        velocity, double_model.latent_out(expected[packed.latent_index_M]), rtol=0, atol=1e-11
    )


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("padding", [0, 9])
def test_flex_attention_over_the_row_is_the_same(
    padding: int, config: ModelConfig, model: UnifiedModel, special: SpecialTokens
) -> None:
    for seed in range(4):
        packed = row(seed, config, special)
        expected = in_row_order(model(packed, PaddedAttend(packed)), packed)
        attend = FlexAttend(packed, packed.num_tokens + padding)
        got = in_row_order(model(packed, attend), packed)
        assert torch.allclose(got, expected, rtol=0, atol=2e-5)


def test_documents_of_a_row_do_not_touch_each_other(
    config: ModelConfig, double_model: UnifiedModel, special: SpecialTokens
) -> None:
    sampler = Sampler(1, config)
    documents = [sampler.document(most=6) for _ in range(5)]
    packed = pack(documents, special)
    together = in_row_order(double_model(packed, PaddedAttend(packed)), packed)
    for document, part in zip(documents, together.split(packed.document_lengths), strict=True):
        alone = pack([document], special)
        expected = in_row_order(double_model(alone, PaddedAttend(alone)), alone)
        assert torch.allclose(part, expected, rtol=0, atol=1e-11)


def test_latents_and_texts_go_through_different_weights(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """A change of the generation expert's last MLP reaches the latents' own hidden states and nothing
    else."""
    packed = pack([Document((sampler.text(3), sampler.image(Kind.CLEAN, 2, 2), sampler.text(3)))], special)
    before = model(packed, PaddedAttend(packed))
    weight = model.decoder.layers[-1].generation.down.weight  # type: ignore[union-attr]
    assert isinstance(weight, torch.Tensor)
    saved = weight.clone()
    try:
        weight.mul_(2)
        after = model(packed, PaddedAttend(packed))
    finally:
        weight.copy_(saved)
    assert torch.equal(before.understanding_UD, after.understanding_UD)
    assert not torch.allclose(before.generation_MD, after.generation_MD, atol=1e-2)


def test_logits_for_chosen_tokens_only(
    model: UnifiedModel, config: ModelConfig, sampler: Sampler, special: SpecialTokens
) -> None:
    packed = pack([Document((sampler.text(3),))], special)
    hidden = model(packed, PaddedAttend(packed)).understanding_UD
    assert model.logits(hidden[-1:]).shape == (1, config.decoder.vocabulary)


def test_a_row_without_latents_or_views(
    model: UnifiedModel, config: ModelConfig, sampler: Sampler, special: SpecialTokens
) -> None:
    packed = pack([Document((sampler.text(3),))], special)
    streams = model(packed, PaddedAttend(packed))
    assert streams.generation_MD.shape == (0, config.decoder.width)
    assert torch.equal(in_row_order(streams, packed), streams.understanding_UD)
