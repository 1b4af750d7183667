import time

import pytest
import torch

from irg.bench.speed import measure
from irg.bench.speed.clock import Clock
from irg.bench.speed.measure import DRAWING, TEXT, Speed
from irg.bench.speed.workload import EpisodeWorkload


def test_every_phase_takes_time_in_order(speed: Speed) -> None:
    assert list(speed.phases) == [
        "prefill",
        "thought",
        "image 1",
        "re-entry",
        "reflection",
        "image 2",
        "decode",
    ]
    assert all(moment.wall > 0 and moment.cpu > 0 for moment in speed.phases.values())
    assert speed.works.keys() == speed.phases.keys()


def test_ratios_are_of_the_phases_of_text_and_drawing(speed: Speed) -> None:
    read = sum(map(speed.limits.reading, (speed.works[phase] for phase in TEXT)))
    assert speed.of_limit(TEXT) == pytest.approx(sum(map(speed.seconds, TEXT)) / read)
    computed = sum(map(speed.limits.computing, (speed.works[phase] for phase in DRAWING)))
    assert speed.of_limit(DRAWING) == pytest.approx(sum(map(speed.seconds, DRAWING)) / computed)
    assert min(speed.of_limit(TEXT), speed.of_limit(DRAWING)) > 1


def test_progress_is_told(speed: Speed, told: list[str]) -> None:
    assert told[0] == "counting kernels" and "episode 1 of 1" in told
    assert speed.peak_bytes > 1e8


def test_peak_memory_is_that_of_episodes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(measure, "peak_memory", lambda device: order.append("peak") or len(order))
    load = EpisodeWorkload("tiny", layers=1, thought_tokens=4, points=2, system_tokens=9, prompt_tokens=4)
    with torch.inference_mode():
        found = measure.measure(load, torch.device("cpu"), torch.float32, 2, order.append)
    assert order.count("peak") == 1 and order.index("peak") < order.index("bare products and reading")
    assert found.peak_bytes == order.index("peak") + 1


def test_limits_are_measured_between_the_turns_of_all_episodes_but_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    measured = measure.MachineLimits.measure
    monkeypatch.setattr(
        measure.MachineLimits, "measure", lambda self: order.append("limit") or measured(self)
    )
    load = EpisodeWorkload("tiny", layers=1, thought_tokens=4, points=2, system_tokens=9, prompt_tokens=4)
    with torch.inference_mode():
        measure.measure(load, torch.device("cpu"), torch.float32, 2, order.append)
    first, second = order.index("episode 1 of 2"), order.index("episode 2 of 2")
    assert order[first:second].count("limit") == 1 and order[second:].count("limit") == 2


def test_what_is_left_out_belongs_to_no_phase() -> None:
    phases = measure._Phases(Clock(torch.device("cpu")))
    phases.leave_out(lambda: time.sleep(0.2))
    phases.end("next")
    assert phases.taken["next"].wall < 0.2
