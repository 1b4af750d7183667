from collections.abc import Callable

import pytest
import torch

from irg.model import Autoencoder, UnifiedModel
from irg.model.checkpoint import load_autoencoder, load_model
from irg.prep import Tokenizer
from tests.golden.vectors import CHECKPOINT, TOLERANCE, Group

Agree = Callable[..., None]


@pytest.fixture(scope="session")
def reference_model() -> UnifiedModel:
    """The checkpoint as inference has it: position tables rounded as they were saved."""
    return load_model(CHECKPOINT, dtype=torch.float32).requires_grad_(False)


@pytest.fixture(scope="session")
def trained_model() -> UnifiedModel:
    """The checkpoint as training has it: exact position tables, gradients on."""
    model = load_model(CHECKPOINT, dtype=torch.float32)
    model.view_positions.reset()
    model.latent_positions.reset()
    return model


@pytest.fixture(scope="session")
def reference_autoencoder() -> Autoencoder:
    return load_autoencoder(CHECKPOINT, dtype=torch.float32).requires_grad_(False)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_folder(CHECKPOINT)


@pytest.fixture
def agree(record_property: Callable[[str, object], None]) -> Agree:
    """Compare with a recorded output: floats within the tolerance, pictures within 1, other integers exactly."""

    def check(group: Group, name: str, got: torch.Tensor, tolerance: float = TOLERANCE) -> None:
        expected = group[name]
        if expected.dtype is torch.uint8:
            tolerance = 1
        elif not expected.is_floating_point():
            tolerance = 0
        error = group.error(name, got)
        record_property(f"{group.name} {name}", error)
        assert error <= tolerance, f"{group.name} {name}: {error:.2g}, allowed {tolerance:.2g}"

    return check
