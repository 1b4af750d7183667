"""Graphs of a GPU: what is called again and again, with tensors that stay in place, launched as a whole."""

from collections.abc import Callable

import torch


class Replayed:
    """A function without arguments, of tensors that stay where they are. On a GPU, if it is asked for, the
    second call captures it as a graph, which that call and all later ones launch. What it returns then stays
    in place too, and is overwritten by the next call.

    The first call runs it as it is, on the stream of the capture, since libraries set themselves up when and
    where they are first used; what is called only once is never captured. Other threads may do with the GPU
    what they like meanwhile.
    """

    def __init__(self, run: Callable[[], torch.Tensor], device: torch.device, as_graph: bool = True) -> None:
        self.run, self.device = run, device
        self.as_graph = as_graph and device.type == "cuda"
        self._side: torch.cuda.Stream | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._made: torch.Tensor | None = None

    def __call__(self) -> torch.Tensor:
        if not self.as_graph:
            return self.run()
        if self._side is None:
            self._side = torch.cuda.Stream(self.device)
            return self._first_run(self._side)
        if self._graph is None or self._made is None:
            self._graph, self._made = self._captured(self._side)
        self._graph.replay()
        return self._made

    def _first_run(self, side: torch.cuda.Stream) -> torch.Tensor:
        current = torch.cuda.current_stream(self.device)
        side.wait_stream(current)
        with torch.cuda.stream(side):
            made = self.run()
        current.wait_stream(side)
        made.record_stream(current)
        return made

    def _captured(self, side: torch.cuda.Stream) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        graph = torch.cuda.CUDAGraph()
        # Left to itself a capture has a stream of the GPU that was current when there was one first.
        capture = torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local")
        with torch.cuda.device(self.device), capture:
            made = self.run()
        return graph, made
