import subprocess
import sys

import numpy as np
import pytest
import torch

from irg.model import Autoencoder, embedded, tiny
from irg.model.autoencoder import Moments, encode_by_size, from_tokens, to_tokens
from irg.model.config import AutoencoderConfig

CONFIGS = {"kl": tiny().autoencoder, "patch": embedded(900).autoencoder}


@pytest.fixture(scope="module", params=CONFIGS)
def autoencoder(request: pytest.FixtureRequest) -> Autoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Autoencoder(CONFIGS[request.param]).eval().requires_grad_(False)


def test_shapes(autoencoder: Autoencoder) -> None:
    image = torch.zeros(2, 3, 32, 48)
    latent = autoencoder.encode(image)
    assert tuple(latent.shape[1:]) == autoencoder.latent_shape(32, 48)
    assert autoencoder.decode(latent).shape == image.shape


def test_images_of_a_batch_do_not_touch_each_other(autoencoder: Autoencoder) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
    alone = torch.cat([autoencoder.encode(image[None]) for image in images])
    assert torch.allclose(autoencoder.encode(images), alone, rtol=0, atol=1e-5)


def test_it_does_not_matter_how_pixels_lie_in_memory() -> None:
    """Those of pictures lie channels last, which would be computed less exactly."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        autoencoder = Autoencoder(CONFIGS["kl"]).eval().requires_grad_(False)
        images = torch.rand(1, 3, 64, 64) * 2 - 1
    last = images.contiguous(memory_format=torch.channels_last)
    assert not last.is_contiguous() and torch.equal(autoencoder.encode(last), autoencoder.encode(images))


def test_scale_and_shift_come_after_sampling() -> None:
    config = CONFIGS["kl"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        autoencoder = Autoencoder(config).eval().requires_grad_(False)
    image = torch.zeros(1, 3, 32, 32)
    noise = torch.ones(1, *autoencoder.latent_shape(32, 32))
    moments = autoencoder.moments(image)
    assert autoencoder.sampled and moments.log_variance is not None
    drawn = moments.mean + (moments.log_variance / 2).exp()
    expected = config.scale * (drawn - config.shift)
    assert torch.allclose(autoencoder.encode(image, noise), expected, rtol=0, atol=1e-6)


def test_an_embedded_posterior_is_a_point() -> None:
    autoencoder = Autoencoder(CONFIGS["patch"])
    assert not autoencoder.sampled
    moments = autoencoder.moments(torch.zeros(1, 3, 16, 16))
    assert moments.log_variance is None
    assert torch.equal(moments.sample(torch.ones_like(moments.mean)), moments.mean)


def test_without_noise_the_mean_is_taken() -> None:
    moments = Moments(torch.tensor([1.0]), torch.tensor([3.0]))
    assert moments.sample(None).tolist() == [1.0]


def test_tokens_are_laid_out_row_column_channel() -> None:
    """Two channels of 4x4 cells in 2x2 patches: a cell's value is its channel, row and column written as
    digits."""
    cells = torch.arange(4)
    latent = (torch.arange(1, 3)[:, None, None] * 100 + cells[:, None] * 10 + cells).float()[None]
    tokens = to_tokens(latent, 2)
    assert tokens[0, 1].tolist() == [102, 202, 103, 203, 112, 212, 113, 213]
    assert tokens[0, 2, 0].item() == 120
    assert torch.equal(from_tokens(tokens, 2, rows=2), latent)


def test_pictures_that_are_not_square_come_back() -> None:
    latent = torch.arange(3 * 4 * 6.0).view(1, 3, 4, 6)
    tokens = to_tokens(latent, 2)
    assert tokens.shape == (1, 6, 12)
    assert torch.equal(from_tokens(tokens, 2, rows=2), latent)


def test_the_embedded_autoencoder_does_not_import_diffusers() -> None:
    """Importing it takes as long as drawing a picture."""
    code = (
        "import sys\n"
        "from irg.model import Autoencoder, UnifiedModel, embedded\n"
        "config = embedded(300)\n"
        "Autoencoder(config.autoencoder), UnifiedModel(config)\n"
        "assert 'diffusers' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pixels_per_latent_cell() -> None:
    assert AutoencoderConfig("kl", (32, 32), 1, 8).downsample == 2
    assert CONFIGS["kl"].downsample == CONFIGS["patch"].downsample == 8


@pytest.mark.parametrize("most", [None, 2])
def test_pictures_of_one_size_are_encoded_together_and_to_the_same(
    autoencoder: Autoencoder, most: int | None
) -> None:
    sizes = [(16, 32), (32, 16), (16, 32), (16, 32)]
    pictures = [np.random.default_rng(seed).integers(0, 256, (*size, 3)) for seed, size in enumerate(sizes)]
    batches: list[int] = []

    def batch(some: list[np.ndarray]) -> torch.Tensor:
        batches.append(len(some))
        return torch.from_numpy(np.stack(some)).permute(0, 3, 1, 2).float() / 127.5 - 1

    def noise(index: int, shape: tuple[int, int, int]) -> torch.Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(index))

    with torch.no_grad():
        together = encode_by_size(autoencoder, pictures, batch, noise, 2, most)
        assert batches == ([3, 1] if most is None else [2, 1, 1]) and sorted(together) == [0, 1, 2, 3]
        for index, picture in enumerate(pictures):
            pixels = batch([picture])
            drawn = noise(index, autoencoder.latent_shape(*sizes[index]))[None]
            alone = to_tokens(autoencoder.encode(pixels, drawn if autoencoder.sampled else None), 2)[0]
            assert torch.allclose(together[index], alone, atol=1e-5)


def test_what_comes_with_diffusers_says_nothing() -> None:
    script = (
        "import logging\n"
        "from irg.model import tiny\n"
        "from irg.model.autoencoder import Autoencoder\n"
        "Autoencoder(tiny().autoencoder)\n"
        "logging.getLogger('mine').warning('heard')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "heard\n")
