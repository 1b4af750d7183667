import pytest
import torch

from irg.bench.speed.measure import Speed, measure
from irg.bench.speed.workload import EpisodeWorkload


@pytest.fixture(scope="session")
def told() -> list[str]:
    """What the measurement below said of its progress."""
    return []


@pytest.fixture(scope="session")
def speed(told: list[str]) -> Speed:
    load = EpisodeWorkload("tiny", layers=1, thought_tokens=4, points=3, system_tokens=9, prompt_tokens=4)
    with torch.inference_mode():
        return measure(load, torch.device("cpu"), torch.float32, 1, told.append)
