"""The embedded model's autoencoder: sizes, reach, and residual blocks that begin as nothing."""

import pytest
import torch

from irg.model.patch_autoencoder import PatchAutoencoder, ResidualBlock


@pytest.fixture(scope="module")
def autoencoder() -> PatchAutoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (
            PatchAutoencoder(fine=8, coarse=12, num_blocks=1, latent_channels=4).eval().requires_grad_(False)
        )


def test_a_block_begins_as_the_identity_and_learns_a_difference() -> None:
    block, features = ResidualBlock(3), torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(features), features)
    torch.nn.init.ones_(block.outer.bias)
    assert torch.allclose(block(features), features + 1)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 40)])
def test_eight_pixels_a_side_are_a_cell(autoencoder: PatchAutoencoder, height: int, width: int) -> None:
    latent = autoencoder.encoder(torch.zeros(2, 3, height, width))
    assert latent.shape == (2, 4, height // 8, width // 8)
    assert autoencoder.decoder(latent).shape == (2, 3, height, width)


def test_cells_know_their_surroundings_and_nothing_far_away(autoencoder: PatchAutoencoder) -> None:
    picture = torch.zeros(1, 3, 128, 128)
    changed = picture.clone()
    changed[:, :, 64:72, 64:72] = 1
    moved = (autoencoder.encoder(changed) - autoencoder.encoder(picture)).abs().amax(dim=(0, 1)) > 0
    rows, columns = moved.nonzero().T
    assert moved[8, 8] and 8 - rows.min() <= 4 and columns.max() - 8 <= 4
    assert not moved[0].any() and not moved[:, 15].any()
