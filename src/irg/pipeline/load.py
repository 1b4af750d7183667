"""Loading a pipeline from a checkpoint folder, a hub id, or the weights that come with the package."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from irg import __version__
from irg.core.values import chosen
from irg.engine import ALONE, Parallel, Team
from irg.model.checkpoint import EMBEDDED, CheckpointFolder
from irg.model.compiling import check_compiler
from irg.model.device import usual_device, usual_dtype
from irg.model.float8 import check_float8
from irg.model.low_bit import Quantize
from irg.model.offload import Offload, check_offload, offload
from irg.pipeline.pipeline import Pipeline
from irg.pipeline.settings import Settings
from irg.prep import Tokenizer

DTYPES = ("float32", "bfloat16", "float16")
"""Types of arithmetic by name."""


@dataclass(frozen=True)
class NamedCheckpoint:
    """A model as it is asked for: folder, hub id or None for the embedded one, where to run it, and how.

    `device` None takes a GPU if there is one; `dtype` None takes bfloat16 there and float32 on a CPU. What is
    said of it needs no weights to be loaded.
    """

    name: str | None = None
    device: torch.device | str | None = None
    dtype: torch.dtype | None = None
    quantize: Quantize = Quantize.NONE
    """How the experts' projections are held, which are most of the weights."""
    offload: Offload = Offload.NONE
    """What waits in the machine's memory while the device does not need it."""
    compiled: bool = False
    """Whether steps are compiled, see `Pipeline`."""

    @cached_property
    def folder(self) -> CheckpointFolder:
        return CheckpointFolder.find(self.name)

    @cached_property
    def settings(self) -> Settings:
        return Settings.of(self.folder)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_folder(self.folder.path)

    @property
    def torch_device(self) -> torch.device:
        return usual_device(self.device)

    @property
    def torch_dtype(self) -> torch.dtype:
        return self.dtype or usual_dtype(self.torch_device)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What a trace says of the model: enough to tell whether another run had the same weights."""
        return {
            "name": self.name or EMBEDDED,
            "fingerprint": self.folder.fingerprint(),
            "device": str(self.torch_device),
            "dtype": str(self.torch_dtype).removeprefix("torch."),
            **({} if self.quantize is Quantize.NONE else {"weights": str(self.quantize)}),
            **({"compiled": True} if self.compiled else {}),
            "irg": __version__,
            "torch": torch.__version__,
        }

    def load(self, team: Team = ALONE) -> Pipeline:
        tokenizer, settings = self.tokenizer, self.settings
        check_offload(self.offload, self.quantize)
        if self.quantize is Quantize.FP8_MATMUL:
            check_float8(self.torch_device, self.torch_dtype)
        self._check_compiled(team)
        place = self.torch_device if self.offload is Offload.NONE else torch.device("cpu")
        model = self.folder.load_model(place, self.torch_dtype, self.quantize)
        autoencoder = self.folder.load_autoencoder(place, self.torch_dtype)
        if self.offload is not Offload.NONE:
            offload(model, autoencoder, self.offload, self.torch_device)
        if self.offload is not Offload.EXPERTS:  # those wait as they are
            model.join()
        pipeline = Pipeline(model, autoencoder, tokenizer, settings, self.identity, self.compiled)
        return pipeline.drawing_with(team)

    def _check_compiled(self, team: Team) -> None:
        """Raise ValueError, before weights are loaded, where nothing can be compiled."""
        if not self.compiled:
            return
        if self.offload is not Offload.NONE or self.quantize is not Quantize.NONE:
            raise ValueError("compiled steps: expected weights neither in few bits nor offloaded")
        if team.parallel is Parallel.SEQUENCE:
            raise ValueError("compiled steps: expected processes that share out no latents of a picture")
        check_compiler(self.torch_device)


def load_pipeline(
    model: str | Path | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    quantize: str = "none",
    offload: str = "none",
    compiled: bool = False,
) -> Pipeline:
    """Load a model: a checkpoint folder, one of its files of weights, a hub id (`owner/name`, perhaps with
    `@revision` or `/model.safetensors`), or the embedded model (None).

    `device` None takes a GPU if there is one; `dtype` ("float32", "bfloat16", "float16") None takes bfloat16
    there and float32 on a CPU. `quantize` ("int8", "fp8", "nf4") holds the experts' projections in few bits,
    `offload` ("parts", "experts") lets weights wait in the machine's memory. `compiled` steps are for many
    episodes (`Pipeline`). Raises ValueError for what is no checkpoint, with all that is wrong with it, and
    for names that are none of these.
    """
    return NamedCheckpoint(
        None if model is None else str(model),
        device,
        dtype_of(dtype),
        chosen("quantize", quantize, Quantize),
        chosen("offload", offload, Offload),
        compiled,
    ).load()


def dtype_of(named: torch.dtype | str | None) -> torch.dtype | None:
    """The type of arithmetic that is named. Raises ValueError for the name of any other."""
    if isinstance(named, str) and named not in DTYPES:
        raise ValueError(f"dtype {named!r}: expected one of {', '.join(DTYPES)}")
    return getattr(torch, named) if isinstance(named, str) else named
