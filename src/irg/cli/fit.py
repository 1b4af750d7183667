"""`irg info --fit`: how a checkpoint has to be held so that it runs on a device, and which way is picked.

    weights   the experts' projections in the type of the arithmetic or in few bits, the rest in that type
    context   keys and values of an episode of the usual plan, in every guidance branch
    working   what one pass of drawing needs, or the autoencoder to decode a picture, whichever is more

What allocators lose comes on top: a tenth is left free.
"""

from dataclasses import dataclass

import torch

from irg.cli.description import Description
from irg.model.device import free_memory
from irg.model.low_bit import Quantize
from irg.model.offload import WINDOW, Offload
from irg.model.unified import skeleton

_BYTES = {Quantize.INT8: 1.0, Quantize.FP8: 1.0, Quantize.NF4: 0.5 + (1 + 4 / 256) / 64}
"""Per value; NF4's scales of 64 values are 8-bit values whose own scales are shared by 256."""
_WAYS = (
    (Quantize.NONE, Offload.NONE),
    (Quantize.NONE, Offload.PARTS),
    (Quantize.INT8, Offload.NONE),
    (Quantize.INT8, Offload.PARTS),
    (Quantize.NF4, Offload.NONE),
    (Quantize.NF4, Offload.PARTS),
    (Quantize.NONE, Offload.EXPERTS),
    (Quantize.INT8, Offload.EXPERTS),
)
"""From the exact and fast to what is less of either. float8 takes what int8 does, and is further off."""
_WASTE = 1.1
_BRANCHES = 3


@dataclass(frozen=True)
class Way:
    """One way to hold a checkpoint, in bytes on the device."""

    quantize: Quantize
    offload: Offload
    weights: int
    context: int
    working: int

    @property
    def total(self) -> int:
        return round((self.weights + self.context + self.working) * _WASTE)

    @property
    def options(self) -> str:
        """As they are given to `irg generate`."""
        said = [f"--weights {self.quantize}"] if self.quantize is not Quantize.NONE else []
        said += [f"--offload {self.offload}"] if self.offload is not Offload.NONE else []
        return " ".join(said)


def ways(description: Description, size: int) -> list[Way]:
    """All of them, with values of so many bytes in the arithmetic."""
    context, working = _context(description, size), _working(description, size)
    return [
        Way(quantize, offload, _weights(description, size, quantize, offload), context, working)
        for quantize, offload in _WAYS
    ]


def picked(found: list[Way], memory: int) -> Way | None:
    """The first that fits into so many bytes."""
    return next((way for way in found if way.total <= memory), None)


def memory_of(device: torch.device) -> int:
    """Bytes that a device has: of a GPU all, of a machine what is free now."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if (free := free_memory(device)) is not None:
        return free
    raise ValueError(f"how much memory {device} has is not known here: say it with --memory")


def _weights(description: Description, size: int, quantize: Quantize, offload: Offload) -> int:
    config = description.config
    values = dict.fromkeys(("projections", "outputs", "experts", "parts", "rest"), 0)
    for name, tensor in skeleton(config).state_dict().items():
        is_projection = name.endswith(
            tuple(f".{one}.weight" for one in ("query", "key", "value", "output", "gate", "up", "down"))
        ) and name.startswith("decoder.layers.")
        if is_projection:
            values["projections"] += tensor.numel()
            values["outputs"] += tensor.shape[0]
        elif name.startswith("decoder.layers."):
            values["experts"] += tensor.numel()
        elif name.startswith(("vision.", "connector.")):
            values["parts"] += tensor.numel()
        else:
            values["rest"] += tensor.numel()
    values["parts"] += description.parameters["autoencoder"]
    scales = values["outputs"] * size if quantize in (Quantize.INT8, Quantize.FP8) else 0
    experts = values["projections"] * _BYTES.get(quantize, size) + scales + values["experts"] * size
    if offload is Offload.EXPERTS:
        experts *= min(1.0, WINDOW / config.decoder.num_layers)
    # Of the parts that wait, one is here at a time; the largest is hardly more than half of all.
    parts = values["parts"] * size * (1.0 if offload is Offload.NONE else 0.6)
    return round(experts + parts + values["rest"] * size)


def _context(description: Description, size: int) -> int:
    """Slots of the main branch twice: the image branch has some of its own, and a picture stands at the tip
    of each."""
    per_token = description.bytes_per_token // 2 * size
    return 2 * per_token * description.episode_tokens


def _working(description: Description, size: int) -> int:
    config, settings = description.config, description.settings
    decoder, pixels = config.decoder, settings.width * settings.height
    tokens = _BRANCHES * (pixels // config.pixels_per_latent**2 + 2)
    drawing = tokens * (3 * decoder.mlp_width + 8 * decoder.width) * size
    # At full size a block of the decoder holds its input, its output and two in between, of up to the second
    # width of features.
    decoding = 4 * pixels * config.autoencoder.channels[1] * size
    return max(drawing, decoding)
