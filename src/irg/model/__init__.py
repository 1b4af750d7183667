"""The unified model: two-expert decoder, vision tower, latent and flow heads, autoencoder, checkpoints.

A model draws no noise, moves no device and writes no log; sampling and training live above it.
"""

from irg.model.attention import FlexAttend, PaddedAttend, Projected
from irg.model.autoencoder import Autoencoder
from irg.model.config import ModelConfig, bagel_7b, embedded, tiny
from irg.model.decoder import WantedStreams
from irg.model.unified import Streams, UnifiedModel

__all__ = [
    "Autoencoder",
    "FlexAttend",
    "ModelConfig",
    "PaddedAttend",
    "Projected",
    "Streams",
    "UnifiedModel",
    "WantedStreams",
    "bagel_7b",
    "embedded",
    "tiny",
]
