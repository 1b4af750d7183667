import copy

import pytest
import torch

from irg.core import SpecialTokens
from irg.model import ModelConfig, UnifiedModel, tiny
from tests.browser import browser as browser
from tests.samples import Sampler

torch.set_num_threads(1)  # everything here is tiny, and tests may run side by side


@pytest.fixture(scope="session")
def config() -> ModelConfig:
    return tiny()


@pytest.fixture(scope="session")
def special(config: ModelConfig) -> SpecialTokens:
    """The last four ids of the vocabulary."""
    last = config.decoder.vocabulary
    return SpecialTokens(last - 4, last - 3, last - 2, last - 1)


@pytest.fixture(scope="session")
def model(config: ModelConfig) -> UnifiedModel:
    """The tiny model with seeded random weights, norms and biases included."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = UnifiedModel(config)
        for parameter in model.parameters():
            if parameter.ndim == 1:
                torch.nn.init.normal_(parameter, mean=parameter.mean().round().item(), std=0.2)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def double_model(model: UnifiedModel) -> UnifiedModel:
    """The same weights in float64, where two orders of evaluation agree to 1e-12."""
    return copy.deepcopy(model).double()


@pytest.fixture
def sampler(config: ModelConfig) -> Sampler:
    return Sampler(0, config)
