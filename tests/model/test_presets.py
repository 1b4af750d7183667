import pytest
import torch

from irg.model import Autoencoder, UnifiedModel
from irg.model.embeddings import sincos_table
from irg.model.presets import cut, mid, random_model, randomised


def test_the_mid_size_has_186_million_values() -> None:
    """Position tables and autoencoder included, as the published comparison counts them."""
    with torch.device("meta"):
        parts = UnifiedModel(mid()), Autoencoder(mid().autoencoder)
    values = [*parts[0].parameters(), *parts[0].buffers(), *parts[1].parameters()]
    assert sum(one.numel() for one in values) == pytest.approx(186e6, rel=0.005)


def test_random_weights_are_ordinary_and_the_same_every_time() -> None:
    config = cut("tiny", 1, None)
    first, again = (random_model(config, torch.device("cpu"), torch.bfloat16) for _ in range(2))
    for (name, one), other in zip(first.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other) and one.dtype is torch.bfloat16
        if one.ndim > 1:
            assert one.float().std().item() == pytest.approx(0.02, rel=0.2), name
        else:
            assert (one == (1.0 if name.endswith("norm.weight") else 0.0)).all(), name
    assert torch.equal(first.latent_positions.table, sincos_table(config.decoder.width, config.latent_side))


def test_a_random_autoencoder_decodes_to_numbers() -> None:
    config = cut("tiny", 1, 1).autoencoder
    with torch.device("meta"):
        hollow = Autoencoder(config)
    autoencoder = randomised(hollow, torch.device("cpu"))
    pixels = autoencoder.decode(torch.ones(1, config.latent_channels, 2, 2))
    assert pixels.isfinite().all() and pixels.shape == (1, 3, 16, 16)
