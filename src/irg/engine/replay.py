"""Graphs of a GPU: what is called again and again, with tensors that stay in place, launched as a whole."""

from collections.abc import Callable

import torch

_WARM_UPS = 2


class Replayed:
    """A function without arguments, of tensors that stay where they are: on a GPU one graph, captured when it
    is first called. What it returns stays in place too, and is overwritten by the next call.

    It is run before, twice and on the stream of the capture, since libraries set themselves up when and where
    they are first used. Other threads may do with the GPU what they like meanwhile.
    """

    def __init__(self, run: Callable[[], torch.Tensor], device: torch.device) -> None:
        self.run, self.device = run, device
        self._graph: torch.cuda.CUDAGraph | None = None
        self._made: torch.Tensor | None = None

    def prepare(self) -> None:
        """Run it for the sake of its graph alone, if it needs one."""
        if self.device.type != "cuda":
            return
        side = torch.cuda.Stream(self.device)
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                self.run()
        torch.cuda.current_stream(self.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Left to itself a capture has a stream of the GPU that was current when there was one first.
        capture = torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local")
        with torch.cuda.device(self.device), capture:
            self._made = self.run()
        self._graph = graph

    def __call__(self) -> torch.Tensor:
        if self._graph is None:
            return self.run()
        assert self._made is not None
        self._graph.replay()
        return self._made
