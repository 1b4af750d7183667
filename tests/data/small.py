"""A model of the embedded kind, with random weights and small enough for tests.

Pictures of 32 pixels are 2 x 2 latent tokens and 2 x 2 patches to it; the scene world's 128 pixels fit too.
"""

import tempfile
from functools import cache
from pathlib import Path

import torch

from irg.data.learning import ModeQuestions
from irg.data.scene_source import SYSTEM_PROMPT
from irg.data.tokenizer import train_tokenizer
from irg.engine import Guidance
from irg.model import Autoencoder, ModelConfig, UnifiedModel
from irg.model.checkpoint import CheckpointFolder
from irg.model.config import AutoencoderConfig, DecoderConfig, VisionConfig
from irg.pipeline import Settings
from irg.prep import Resize, Tokenizer
from tests.models import save_model

AUTOENCODER = AutoencoderConfig("patch", (8, 8), 1, 2, scale=1.5, shift=0.1)


def settings(side: int) -> Settings:
    """Pictures of `side` pixels, three time points, greedy thoughts of six tokens, both guidance branches."""
    size = Resize(max_side=side, min_side=side, stride=16)
    return Settings(
        system_prompt=SYSTEM_PROMPT,
        width=side,
        height=side,
        num_points=3,
        first=Guidance(text_scale=3.0),
        later=Guidance(text_scale=3.0, image_scale=2.0, interval=(0.0, 1.0)),
        edit=Guidance(text_scale=3.0, image_scale=2.0, interval=(0.0, 1.0)),
        clean=size,
        view=size,
        temperature=0.0,
        max_thought_tokens=6,
        max_prompt_tokens=20,
    )


@cache
def tokenizer() -> Tokenizer:
    asked = ModeQuestions()
    with tempfile.TemporaryDirectory() as folder:
        return Tokenizer(train_tokenizer(Path(folder), 0, 4_000, (SYSTEM_PROMPT, asked.plan, asked.compare)))


def config() -> ModelConfig:
    return ModelConfig(
        DecoderConfig(32, 2, 2, 1, 48, tokenizer().size),
        VisionConfig(16, 1, 2, 32, patch=16, side=8),
        AUTOENCODER,
        latent_side=8,
    )


def random_model() -> UnifiedModel:
    """Always the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UnifiedModel(config())


def random_autoencoder() -> Autoencoder:
    """Always the same weights. Its residual blocks, which begin as nothing, do something here."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        autoencoder = Autoencoder(AUTOENCODER)
        for parameter in autoencoder.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)
    return autoencoder


def write_checkpoint(folder: Path) -> Path:
    """A whole checkpoint folder, which is also a folder of parts to begin training from."""
    save_model(random_model(), folder)
    CheckpointFolder(folder).save_autoencoder(random_autoencoder())
    tokenizer().save(folder)
    settings(32).save(folder)
    return folder
