"""Parts of a model that wait in the machine's memory, and are on the device only while they are needed.

An autoencoder and a vision tower work a moment in each turn. Experts work layer by layer: while one runs, the
next one of its kind is fetched already, on a stream of its own; the other kind, which writing texts has no
use for, is not fetched at all.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import Any

import torch
from torch import nn

from irg.model.autoencoder import Autoencoder
from irg.model.expert import Expert
from irg.model.low_bit import Quantize
from irg.model.unified import UnifiedModel


class Offload(StrEnum):
    """What waits elsewhere until it is needed."""

    NONE = "none"
    PARTS = "parts"
    """Autoencoder, vision tower and connector."""
    EXPERTS = "experts"
    """These, and the experts of all layers."""


WINDOW = 2
"""Experts of a kind that are on the device: the one that runs, and the next."""


def check_offload(kind: Offload, quantize: Quantize) -> None:
    """Raise ValueError for what does not go together."""
    if kind is Offload.EXPERTS and quantize is Quantize.NF4:
        raise ValueError("experts held as nf4 cannot wait elsewhere: choose int8 or fp8, or offload parts")


def offload(model: UnifiedModel, autoencoder: Autoencoder, kind: Offload, device: torch.device) -> None:
    """Put what does not wait on the device, and let what waits come when it is called. Both models are in the
    machine's memory."""
    waiting: list[nn.Module] = []
    if kind is not Offload.NONE:
        waiting += [autoencoder.net, model.vision, model.connector]
        for module in (autoencoder.net.encoder, autoencoder.net.decoder, model.vision, model.connector):
            part = Waiting(module, device)
            module.register_forward_pre_hook(lambda *_, part=part: part.enter())
            module.register_forward_hook(lambda *_, part=part: part.leave())
    if kind is Offload.EXPERTS:
        for name in ("understanding", "generation"):
            experts = [getattr(layer, name) for layer in model.decoder.layers]
            waiting += experts
            Rotation(experts, device).attach()
    within = {id(inner) for module in waiting for inner in module.modules()}
    for owner in (*model.modules(), *autoencoder.modules()):
        if id(owner) not in within and not list(owner.children()):
            owner.to(device)


class Waiting:
    """A module whose weights have their home in the machine's memory."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.device = device
        self.homes = [
            (owner, {name: _pinned(tensor, device) for name, tensor in _tensors(owner)})
            for owner in module.modules()
        ]
        self._fetched: list[dict[str, torch.Tensor]] | None = None
        self._ready: torch.Event | None = None
        self.leave()

    @property
    def is_here(self) -> bool:
        """Whether its weights are on the device, or on their way."""
        return self._fetched is not None

    def fetch(self, stream: torch.cuda.Stream | None = None) -> None:
        """Begin to bring the weights, on a stream beside the one that computes, if there is one."""
        if self._fetched is not None:
            return
        if stream is None:
            self._fetched = self._copies()
            return
        with torch.cuda.stream(stream):
            self._fetched = self._copies()
            self._ready = stream.record_event()

    def enter(self) -> None:
        """From here on the module can be called."""
        self.fetch()
        assert self._fetched is not None
        if self._ready is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_event(self._ready)
            for tensor in (
                one for copies in self._fetched for whole in copies.values() for one in _plain(whole)
            ):
                tensor.record_stream(
                    current
                )  # its memory is not used again before this stream is done with it
            self._ready = None
        for (owner, _), copies in zip(self.homes, self._fetched, strict=True):
            _set(owner, copies)

    def leave(self) -> None:
        for owner, tensors in self.homes:
            _set(owner, tensors)
        self._fetched = self._ready = None

    def _copies(self) -> list[dict[str, torch.Tensor]]:
        return [
            {name: _copied(tensor, self.device) for name, tensor in tensors.items()}
            for _, tensors in self.homes
        ]


class Rotation:
    """The experts of one kind, in the order in which they are called, over and over."""

    def __init__(self, experts: list[Expert], device: torch.device) -> None:
        self.experts = experts
        self.waiting = [Waiting(expert, device) for expert in experts]
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def attach(self) -> None:
        """An expert's first step of a pass is `project`: there it has to be."""
        for place, expert in enumerate(self.experts):
            vars(expert)["project"] = partial(self._project, place, expert.project)

    def _project(self, place: int, project: Callable[..., Any], *inputs: Any) -> Any:
        self.turn_to(place)
        return project(*inputs)

    def turn_to(self, place: int) -> None:
        """This expert is about to run: the next one is fetched, and all others leave."""
        window = [(place + ahead) % len(self.waiting) for ahead in range(min(WINDOW, len(self.waiting)))]
        for other, one in enumerate(self.waiting):
            if one.is_here and other not in window:
                one.leave()
        self.waiting[place].enter()
        for other in window[1:]:
            self.waiting[other].fetch(self.stream)


def _tensors(owner: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers of a module itself."""
    for held in (owner._parameters, owner._buffers):
        yield from ((name, tensor) for name, tensor in held.items() if tensor is not None)


def _set(owner: nn.Module, tensors: dict[str, Any]) -> None:
    """What stands in for a parameter need not be one: nothing here is trained."""
    for name, tensor in tensors.items():
        (owner._parameters if name in owner._parameters else owner._buffers)[name] = tensor


def _pinned(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Where copies to a GPU can run beside it; tensors of several parts stay as they are."""
    is_plain = not hasattr(tensor, "__tensor_flatten__")
    return tensor.detach().pin_memory() if device.type == "cuda" and is_plain else tensor


def _copied(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On the device, without waiting for it."""
    parts: Any = tensor
    if not hasattr(parts, "__tensor_flatten__"):
        return tensor.detach().to(device, non_blocking=True, copy=True)
    names, others = parts.__tensor_flatten__()
    moved = {name: getattr(tensor, name).to(device, non_blocking=True, copy=True) for name in names}
    return type(parts).__tensor_unflatten__(moved, others, tensor.size(), tensor.stride())


def _plain(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensors that one of several parts is made of; a plain one itself."""
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        yield tensor
    else:
        yield from (part for name in flatten()[0] if (part := getattr(tensor, name)) is not None)
