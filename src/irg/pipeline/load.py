"""Loading a pipeline from a checkpoint folder, a hub id, or the weights that come with the package."""

import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from irg import __version__
from irg.model.checkpoint import CONFIGURATION, load_autoencoder, load_model, resolve, weight_files
from irg.model.device import usual_device, usual_dtype
from irg.pipeline.pipeline import Pipeline
from irg.pipeline.settings import Settings
from irg.prep import Tokenizer

EMBEDDED = "embedded"
"""The name of the model that comes with the package."""

_SAMPLE = 1 << 20
"""Bytes of each end of a weight file that go into a model's fingerprint: all 30 GB would take minutes."""


def load_pipeline(
    model: str | Path | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Pipeline:
    """Load a model by folder or hub id, or the embedded one (None).

    `device` None takes a GPU if there is one; `dtype` None takes bfloat16 there and float32 on a CPU.
    """
    name, folder = EMBEDDED if model is None else str(model), checkpoint_folder(model)
    device = usual_device(device)
    dtype = dtype or usual_dtype(device)
    tokenizer, settings = Tokenizer.from_folder(folder), Settings.from_folder(folder)
    return Pipeline(
        load_model(folder, device, dtype),
        load_autoencoder(folder, device, dtype),
        tokenizer,
        settings,
        identity(name, folder, device, dtype),
    )


def checkpoint_folder(model: str | Path | None = None) -> Path:
    """Where the files of a model lie that is given as for `load_pipeline`."""
    return embedded_folder() if model is None or str(model) == EMBEDDED else resolve(model)


def configuration_folder(model: str | Path | None = None) -> Path:
    """The same where no weights are needed: of a model on the hub, none are downloaded."""
    return embedded_folder() if model is None or str(model) == EMBEDDED else resolve(model, CONFIGURATION)


def embedded_folder() -> Path:
    """Where the embedded model's checkpoint lies in the installed package."""
    folder = Path(str(resources.files("irg") / "assets" / EMBEDDED))
    if not folder.is_dir():
        raise ValueError(f"this installation lacks the embedded model: {folder} is missing")
    return folder


def identity(name: str, folder: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """What a trace says of the model: enough to tell whether another run had the same weights."""
    digest = hashlib.sha256()
    for path in [*weight_files(folder), folder / "ae.safetensors"]:
        size = path.stat().st_size
        with path.open("rb") as file:
            digest.update(size.to_bytes(8, "little") + file.read(_SAMPLE))
            file.seek(max(size - _SAMPLE, 0))
            digest.update(file.read())
    return {
        "name": name,
        "fingerprint": digest.hexdigest()[:16],
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
        "irg": __version__,
        "torch": torch.__version__,
    }
