"""Beginnings of the simplest runs: small models whose texts end, and one whose pictures can be red."""

from pathlib import Path
from tempfile import mkdtemp

import torch
from torch import nn

from irg.model import Autoencoder
from irg.model.checkpoint import CheckpointFolder
from tests.data.small import random_autoencoder, random_model, tokenizer, write_checkpoint
from tests.models import save_model
from tests.rl.graders import WORD

READING = ("vision", "connector", "understanding", "embeddings", "head")
"""The parts that read and write; the others draw."""
_TINT = 0.25
"""How much redder a picture is where a latent is greater by one."""


def ending(folder: Path, much: float, word: float = 0.0) -> Path:
    """A checkpoint with random weights whose texts come to an end: one value of its hidden states is always
    large, and the end is likely by it, the more so the greater `much`; so is the wanted word by `word`."""
    model = random_model()
    with torch.no_grad():
        model.decoder.embedding.weight[:, 0] = 3.0
        model.decoder.head.weight[:, 0] = 0.0
        model.decoder.head.weight[tokenizer().special.text_end, 0] = much
        model.decoder.head.weight[tokenizer().encode(f" {WORD}"), 0] = word
    save_model(model, write_checkpoint(folder))
    return folder


def wordy() -> Path:
    """One whose texts end, and have the wanted word now and then."""
    return ending(Path(mkdtemp()) / "start", 2.0, word=1.8)


def tinted() -> Path:
    """One whose texts end, and whose pictures are as red as the first value of their latents is great."""
    folder = ending(Path(mkdtemp()) / "start", 2.2)
    CheckpointFolder(folder).save_autoencoder(_red_by_a_latent())
    return folder


def _red_by_a_latent() -> Autoencoder:
    autoencoder = random_autoencoder()
    decoder = autoencoder.net.decoder
    first, middle, last = (layer for layer in decoder.children() if isinstance(layer, nn.Conv2d))
    red = last.out_channels // 3
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.zero_()
        first.weight[0, 0, 1, 1] = 1.0
        middle.weight[:4, 0, 1, 1] = 1.0
        last.weight[:red, 0, 1, 1] = _TINT
        last.weight[red:, 0, 1, 1] = -_TINT
    return autoencoder
