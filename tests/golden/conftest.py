from collections.abc import Callable

import pytest
import torch

from irg.model import Autoencoder, UnifiedModel
from irg.model.checkpoint import CheckpointFolder
from irg.prep import Tokenizer
from tests.golden.vectors import CHECKPOINT, TOLERANCE, Group

Agree = Callable[..., None]


@pytest.fixture(scope="session")
def reference_model() -> UnifiedModel:
    """The checkpoint, upcast, its position tables rounded as they were saved."""
    return CheckpointFolder(CHECKPOINT).load_model(dtype=torch.float32).requires_grad_(False)


@pytest.fixture(scope="session")
def trainable_model() -> UnifiedModel:
    """The same with gradients. When they were recorded, the position tables were the rounded ones too."""
    return CheckpointFolder(CHECKPOINT).load_model(dtype=torch.float32)


@pytest.fixture(scope="session")
def reference_autoencoder() -> Autoencoder:
    return CheckpointFolder(CHECKPOINT).load_autoencoder(dtype=torch.float32).requires_grad_(False)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_folder(CHECKPOINT)


@pytest.fixture
def agree(request: pytest.FixtureRequest) -> Agree:
    """Compare with a recorded output: floats within the tolerance, pictures within 1, other integers exactly.

    Errors are noted as properties of the test, for `--junitxml`.
    """

    def check(group: Group, name: str, got: torch.Tensor, tolerance: float = TOLERANCE) -> None:
        expected = group[name]
        if expected.dtype is torch.uint8:
            tolerance = 1
        elif not expected.is_floating_point():
            tolerance = 0
        error = group.error(name, got)
        request.node.user_properties.append((f"{group.name} {name}", error))
        assert error <= tolerance, f"{group.name} {name}: {error:.2g}, allowed {tolerance:.2g}"

    return check
