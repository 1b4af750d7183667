"""How a model has to be held so that an episode runs on a device, and which way is picked: what `irg info
--fit` says, and what `irg bench speed` compares its peak with.

    process   on a CPU, what the program takes before it has a model
    weights   the experts' projections in the type of the arithmetic or in few bits, the rest in that type;
              on a CPU also those that draw once more, as products read them (`irg.model.panels`)
    context   keys and values of an episode of the usual plan, of all guidance branches
    working   what one pass of drawing needs, or the autoencoder to decode a picture, whichever is more

What allocators lose comes on top: a tenth is left free.
"""

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from irg.core import Grid
from irg.core.segment import DELIMITERS
from irg.model import Autoencoder, ModelConfig
from irg.model.device import free_memory
from irg.model.hollow import hollow
from irg.model.low_bit import Quantize, is_quantized
from irg.model.offload import WINDOW, Offload
from irg.model.panels import laid_out_types
from irg.model.unified import skeleton
from irg.pipeline.settings import Settings

_BYTES = {
    Quantize.INT8: 1.0,
    Quantize.FP8: 1.0,
    Quantize.FP8_MATMUL: 1.0,
    Quantize.NF4: 0.5 + (1 + 4 / 256) / 64,
}
"""Per value; NF4's scales of 64 values are 8-bit values whose own scales are shared by 256."""
_SCALED = (Quantize.INT8, Quantize.FP8, Quantize.FP8_MATMUL)
"""With a scale for each output."""
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
_STATM = Path("/proc/self/statm")
_WASTE = 1.1
_PROMPT_TOKENS, _SIGNS_PER_TOKEN = 64, 4
"""Of an ordinary prompt, and of a system prompt."""


@dataclass(frozen=True)
class Way:
    """One way to hold a checkpoint, in bytes on the device."""

    quantize: Quantize
    offload: Offload
    weights: int
    context: int
    working: int
    process: int = 0

    @property
    def peak(self) -> int:
        """The most that is in use at once."""
        return self.process + self.weights + self.context + self.working

    @property
    def total(self) -> int:
        """The peak, and what is left free."""
        return round(self.peak * _WASTE)

    @property
    def options(self) -> str:
        """As they are given to `irg generate`."""
        said = [f"--weights {self.quantize}"] if self.quantize is not Quantize.NONE else []
        said += [f"--offload {self.offload}"] if self.offload is not Offload.NONE else []
        return " ".join(said)


def ways(
    config: ModelConfig,
    settings: Settings,
    size: int,
    process: int = 0,
    known: Sequence[tuple[Quantize, Offload]] = _WAYS,
) -> list[Way]:
    """The `known` ones, with values of so many bytes in the arithmetic, in a program that takes `process`:
    nothing, except on a CPU."""
    parts = _Parts.of(config)
    context, working = _context(config, settings, size), _working(config, settings, size)
    sizes = {dtype.itemsize for dtype in laid_out_types()}
    panels = parts.panels if process and size in sizes else 0
    found: list[Way] = []
    for quantize, offload in known:
        weights = parts.held(size, quantize, offload)
        is_plain = quantize is Quantize.NONE and offload is not Offload.EXPERTS
        found.append(Way(quantize, offload, weights + panels * is_plain, context, working, process))
    return found


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


def memory_of_process(device: torch.device) -> int:
    """Bytes that this program takes of the device's memory now, without tensors: on a GPU none."""
    if device.type != "cpu" or not _STATM.exists():
        return 0
    return int(_STATM.read_text().split()[1]) * resource.getpagesize()


@dataclass(frozen=True)
class _Parts:
    """Values of a model, by how they can be held."""

    num_layers: int
    projections: int
    outputs: int
    """Rows of all projections."""
    norms: int
    """Of the experts, and biases."""
    waiting: int
    """Of vision tower, connector and autoencoder."""
    rest: int
    panels: int
    """Bytes of what is laid out where that is done."""

    @classmethod
    def of(cls, config: ModelConfig) -> "_Parts":
        projections = outputs = norms = waiting = rest = 0
        model = skeleton(config)
        for name, tensor in model.state_dict().items():
            if is_quantized(name):
                projections += tensor.numel()
                outputs += tensor.shape[0]
            elif name.startswith("decoder.layers."):
                norms += tensor.numel()
            elif name.startswith(("vision.", "connector.")):
                waiting += tensor.numel()
            else:
                rest += tensor.numel()
        with hollow():
            autoencoder = Autoencoder(config.autoencoder)
        waiting += sum(tensor.numel() for tensor in autoencoder.state_dict().values())
        layers = config.decoder.num_layers
        return cls(layers, projections, outputs, norms, waiting, rest, model.panel_bytes)

    def held(self, size: int, quantize: Quantize, offload: Offload) -> int:
        """Bytes on the device."""
        scales = self.outputs * size if quantize in _SCALED else 0
        experts = self.projections * _BYTES.get(quantize, size) + scales + self.norms * size
        if offload is Offload.EXPERTS:
            experts *= min(1.0, WINDOW / self.num_layers)
        # Of the parts that wait, one is here at a time; the largest is hardly more than half of all.
        waiting = self.waiting * size * (1.0 if offload is Offload.NONE else 0.6)
        return round(experts + waiting + self.rest * size)


def _context(config: ModelConfig, settings: Settings, size: int) -> int:
    """Of the last turn of the usual plan: what the main branch has read and draws; what the text branch draws
    behind a beginning of it; and the image branch, which lacks what shows pictures."""
    plan, decoder = settings.plan(), config.decoder
    drawn = plan.grid(config).num_tokens + DELIMITERS
    texts = len(settings.system_prompt) // _SIGNS_PER_TOKEN + _PROMPT_TOKENS + 2 * DELIMITERS
    clean_size = settings.clean.size(plan.width, plan.height)
    clean = Grid.of(clean_size, config.pixels_per_latent).num_tokens + DELIMITERS
    view = Grid.of(settings.view.size(*clean_size), config.vision.patch).num_tokens + DELIMITERS
    thought = settings.max_thought_tokens + DELIMITERS
    seen = (len(plan.turns) - 1) * (clean + view)
    main = texts + len(plan.turns) * thought + seen + drawn
    guidance = plan.turns[-1].guidance
    slots = main
    slots += drawn if guidance.text_scale != 1.0 else 0
    slots += main - seen if guidance.image_scale != 1.0 and seen else 0
    return slots * 2 * decoder.num_layers * decoder.num_kv_heads * decoder.head_width * size


def _working(config: ModelConfig, settings: Settings, size: int) -> int:
    decoder, pixels = config.decoder, settings.width * settings.height
    guidance = settings.plan().turns[-1].guidance
    branches = 1 + (guidance.text_scale != 1.0) + (guidance.image_scale != 1.0)
    tokens = branches * (pixels // config.pixels_per_latent**2 + DELIMITERS)
    drawing = tokens * (3 * decoder.mlp_width + 8 * decoder.width) * size
    # At full size a block of the decoder holds its input, its output and two in between, of up to the second
    # width of features, and one of them once more as a convolution wants it laid out.
    decoding = 5 * pixels * config.autoencoder.channels[1] * size
    return max(drawing, decoding)
