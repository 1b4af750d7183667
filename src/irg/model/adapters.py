"""LoRA and QLoRA: low-rank adapters on the experts' projections, trained in place of the weights themselves.

peft makes the adapters. The projections under them can be held in few bits (`irg.model.low_bit`). `merged`
gives back plain weights, under the plain names.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

import torch
from pydantic import Field, field_validator
from torch import nn

from irg.core.settings import BaseSettings
from irg.model.config import ModelConfig
from irg.model.expert import Expert
from irg.model.hollow import hollow
from irg.model.low_bit import Quantize, quantize
from irg.model.unified import UnifiedModel

_ADAPTER = "default"
"""peft's name for the only adapter there is."""


class Projection(StrEnum):
    """The linear layers of an expert."""

    QUERY = "query"
    KEY = "key"
    VALUE = "value"
    OUTPUT = "output"
    GATE = "gate"
    UP = "up"
    DOWN = "down"


class ExpertName(StrEnum):
    UNDERSTANDING = "understanding"
    GENERATION = "generation"


class LoraSettings(BaseSettings):
    """Which projections of which experts are adapted, and how. Nothing else is trained."""

    rank: int = Field(default=64, ge=1)
    alpha: float | None = Field(default=None, gt=0.0)
    """An adapter's product is scaled by alpha / rank; None: not at all."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Of what an adapter reads, drawn from torch's global generator."""
    experts: tuple[ExpertName, ...] = tuple(ExpertName)
    projections: tuple[Projection, ...] = tuple(Projection)
    quantize: Quantize = Quantize.NONE

    @property
    def scale(self) -> float:
        return 1.0 if self.alpha is None else self.alpha / self.rank

    @field_validator("quantize")
    @classmethod
    def _adaptable(cls, kind: Quantize) -> Quantize:
        if kind in (Quantize.FP8, Quantize.FP8_MATMUL):
            raise ValueError("adapters are trained over nf4 or int8 weights, not over fp8")
        return kind

    @field_validator("experts", "projections")
    @classmethod
    def _not_empty(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or len(set(names)) < len(names):
            raise ValueError(f"{names}: expected at least one name, each once")
        return names


def adapt(model: UnifiedModel, settings: LoraSettings, seed: int, device: torch.device | None = None) -> None:
    """Add adapters that do nothing yet, and freeze everything else.

    The model must hold its weights, whole. Adapters are float32 whatever the weights are: their updates are
    small. Projections are quantised on `device` (None: where they are) and stay there.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    quantize(model, settings.quantize, device)
    experts, projections = "|".join(settings.experts), "|".join(settings.projections)
    alpha = settings.rank if settings.alpha is None else settings.alpha
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=alpha,  # pyright: ignore[reportArgumentType] - annotated int, but only divided by the rank
        lora_dropout=settings.dropout,
        target_modules=rf"decoder\.layers\.\d+\.({experts})\.({projections})",
    )
    with torch.random.fork_rng(), warnings.catch_warnings():
        # peft cannot merge into torchao's weights; `merged` below does without it.
        warnings.filterwarnings("ignore", "TorchaoLoraLinear was instantiated", UserWarning)
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model, adapter_name=_ADAPTER)
    model.requires_grad_(False)
    for layer in (module for module in model.modules() if isinstance(module, LoraLayer)):
        for factor in (layer.lora_A[_ADAPTER], layer.lora_B[_ADAPTER]):
            factor.float().requires_grad_(True)


@contextmanager
def without_adapters(model: nn.Module) -> Iterator[None]:
    """Within the block the model does what it did before it was adapted."""
    from peft.tuners.lora import LoraLayer

    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)
        for parameter in trained:  # peft froze what it switched off
            parameter.requires_grad_(True)


def adapted_layers(config: ModelConfig, settings: LoraSettings) -> list[nn.Linear]:
    """The projections of one expert that are adapted, without memory for their weights."""
    with hollow():
        expert = Expert(config.decoder)
    layers = (expert.get_submodule(projection) for projection in settings.projections)
    return [layer for layer in layers if isinstance(layer, nn.Linear)]


def num_adapter_parameters(config: ModelConfig, settings: LoraSettings) -> int:
    """How many parameters `adapt` adds: rank * (inputs + outputs) for each projection."""
    ends = sum(layer.in_features + layer.out_features for layer in adapted_layers(config, settings))
    return settings.rank * ends * len(settings.experts) * config.decoder.num_layers


def merged(name: str, find: Callable[[str], torch.Tensor | None], scale: float) -> torch.Tensor | None:
    """The weight `name` of the plain model that does what an adapted one does, or None if that lacks it.

    `find` gives the adapted model's tensors by their names there; `scale` is its adapters'. A sum is computed
    in float32.
    """
    module, _, leaf = name.rpartition(".")
    tensor = find(name)
    if tensor is None:
        tensor = find(f"{module}.base_layer.{leaf}")
    if tensor is None or leaf != "weight":
        return tensor
    up, down = (find(f"{module}.lora_{factor}.{_ADAPTER}.weight") for factor in "BA")
    return tensor if up is None or down is None else tensor.float() + scale * (up.float() @ down.float())
