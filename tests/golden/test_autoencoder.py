"""Group a: the FLUX autoencoder."""

import pytest
import torch

from irg.model import Autoencoder
from irg.prep import to_uint8
from tests.golden.conftest import Agree
from tests.golden.vectors import AUTOENCODER as GOLDEN


@pytest.fixture(scope="module")
def ours(reference_autoencoder: Autoencoder) -> dict[str, torch.Tensor]:
    moments = reference_autoencoder.moments(GOLDEN["image"])
    decoded = reference_autoencoder.decode(GOLDEN["latent"])
    assert moments.log_variance is not None
    return {
        "moments": torch.cat([moments.mean, moments.log_variance], dim=1),
        "mean": moments.mean,
        "logvar": moments.log_variance,
        "sample": moments.sample(GOLDEN["encode_noise"]),
        "latent": reference_autoencoder.encode(GOLDEN["image"], GOLDEN["encode_noise"]),
        "decoded": decoded,
        "decoded_uint8": torch.from_numpy(to_uint8(decoded)[0]),
    }


NAMES = GOLDEN.claim("moments", "mean", "logvar", "sample", "latent", "decoded", "decoded_uint8")


@pytest.mark.parametrize("name", NAMES)
def test_one_image(name: str, ours: dict[str, torch.Tensor], agree: Agree) -> None:
    agree(GOLDEN, name, ours[name])


@pytest.mark.parametrize("name", GOLDEN.claim(r"pad\.moments", r"pad\.latent"))
def test_a_padded_batch(name: str, reference_autoencoder: Autoencoder, agree: Agree) -> None:
    """We never make one, since padding changes latents, but fed one we compute what the reference does."""
    images = GOLDEN["pad.images"]
    if name == "pad.latent":
        agree(GOLDEN, name, reference_autoencoder.encode(images, GOLDEN["pad.encode_noise"]))
    else:
        agree(GOLDEN, name, _both_moments(reference_autoencoder, images))


@pytest.mark.parametrize("name", GOLDEN.claim(r"pad\.image(\d+)_alone_moments"))
def test_an_image_without_its_padding(name: str, reference_autoencoder: Autoencoder, agree: Agree) -> None:
    index = int("".join(filter(str.isdigit, name)))
    factor = reference_autoencoder.config.downsample
    rows, columns = GOLDEN[name].shape[-2:]
    image = GOLDEN["pad.images"][index : index + 1, :, : rows * factor, : columns * factor]
    agree(GOLDEN, name, _both_moments(reference_autoencoder, image))
    padded = GOLDEN["pad.moments"][index : index + 1, :, :rows, :columns]
    change = (padded - _both_moments(reference_autoencoder, image)).abs().max().item()
    assert change == pytest.approx(GOLDEN.scalars["pad_effect_max_abs_diff"], rel=1e-4)


def test_statistics_of_the_decoded_image(ours: dict[str, torch.Tensor]) -> None:
    stats, decoded = GOLDEN.scalars["decoded_stats"], ours["decoded"]
    assert decoded.mean().item() == pytest.approx(stats["mean"], abs=1e-5)
    assert decoded.std().item() == pytest.approx(stats["std"], rel=1e-5)
    assert (decoded.abs() > 1).float().mean().item() == pytest.approx(stats["frac_clipped"], abs=1e-3)


def _both_moments(autoencoder: Autoencoder, image: torch.Tensor) -> torch.Tensor:
    moments = autoencoder.moments(image)
    assert moments.log_variance is not None
    return torch.cat([moments.mean, moments.log_variance], dim=1)
