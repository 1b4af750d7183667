"""Wall and CPU time, once all that was asked of a device is done."""

import time
from dataclasses import dataclass

import torch

from irg.run.flops import now


@dataclass(frozen=True)
class Moment:
    wall: float
    cpu: float
    """Of all threads of this process."""

    def __sub__(self, other: "Moment") -> "Moment":
        return Moment(self.wall - other.wall, self.cpu - other.cpu)

    def __add__(self, other: "Moment") -> "Moment":
        return Moment(self.wall + other.wall, self.cpu + other.cpu)


@dataclass(frozen=True)
class Clock:
    device: torch.device

    def now(self) -> Moment:
        return Moment(now(self.device), time.process_time())

    def seconds(self, taken: Moment) -> float:
        """The time that counts: of one thread on a CPU its own, which other programs do not lengthen."""
        alone = self.device.type == "cpu" and torch.get_num_threads() == 1
        return taken.cpu if alone else taken.wall
