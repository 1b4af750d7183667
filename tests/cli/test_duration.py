import time
from dataclasses import replace

import pytest
import torch

from irg.cli import duration
from irg.cli.duration import CpuSpeed, DrawingWork, seconds_of, told, told_of_answer
from irg.engine import shifted_schedule
from irg.model import bagel_7b, embedded
from irg.pipeline import Settings

BAGEL, SLOW = bagel_7b(), CpuSpeed(flops=1e11, read=1e10)


def test_the_work_of_an_episode_is_that_of_its_plan() -> None:
    settings = Settings()
    one, two = (DrawingWork.of(settings.plan(turns), BAGEL) for turns in (1, 2))
    assert 6e9 < one.drawn_weights < 7e9, "an expert of BAGEL-7B"
    guided = sum(time > 0.4 for time in shifted_schedule(50, 3.0))
    assert one.drawn == (49 + guided) * 4096, "guided by the text while there is much noise"
    assert two.drawn == one.drawn + 49 * 3 * 4096 and two.written == 2 * one.written == 2000
    assert DrawingWork.of(settings.plan(1, think=False), BAGEL).written == 0


def test_seconds_follow_from_what_the_machine_does() -> None:
    work = DrawingWork(written=10, drawn=100, read_weights=10**9, drawn_weights=2 * 10**9)
    thoughts, pictures = seconds_of(work, SLOW, torch.bfloat16)
    assert thoughts == pytest.approx(10 * 2e9 / 1e10) and pictures == pytest.approx(2 * 100 * 2e9 / 1e11)
    assert seconds_of(work, SLOW, torch.float32)[0] == pytest.approx(2 * thoughts)


def test_what_takes_long_is_told_and_what_does_not_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration.CpuSpeed, "measured", lambda dtype: SLOW)
    plan = Settings().plan()
    line = told(plan, BAGEL, torch.bfloat16)
    assert line is not None and "hours for pictures, up to 47 minutes for thoughts" in line
    small = replace(plan, width=128, height=128)
    assert told(small, embedded(500), torch.float32) is None
    assert told(small, embedded(500), torch.float32, episodes=10_000) is not None


def test_so_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration.CpuSpeed, "measured", lambda dtype: SLOW)
    line = told_of_answer(1000, BAGEL, torch.bfloat16)
    assert line is not None and "up to 24 minutes for 1000 tokens" in line
    assert told_of_answer(20, BAGEL, torch.bfloat16) is None
    assert told_of_answer(500, embedded(500), torch.float32) is None


def test_measuring_takes_a_moment() -> None:
    began = time.process_time()
    speed = CpuSpeed.measured(torch.float32)
    assert speed.flops > 1e8 and speed.read > 1e7 and time.process_time() - began < 5
