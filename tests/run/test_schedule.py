import math

import pytest
from pydantic import ValidationError

from irg.run.schedule import RateCurve, ScheduleSettings


def course(settings: ScheduleSettings, total: int) -> list[float]:
    return [round(settings.factor(step, total), 4) for step in range(total)]


def linear(warmup: int, decay_from: float, floor: float = 0.0) -> ScheduleSettings:
    return ScheduleSettings(kind=RateCurve.LINEAR, warmup=warmup, decay_from=decay_from, floor=floor)


def test_warm_up_is_linear_and_never_zero() -> None:
    assert course(ScheduleSettings(warmup=4), 6) == [0.25, 0.5, 0.75, 1, 1, 1]


@pytest.mark.parametrize("step", [0, 7, 99, 1000])
def test_a_constant_rate(step: int) -> None:
    assert ScheduleSettings().factor(step, 100) == 1


def test_linear_decay_would_be_zero_one_step_after_the_end() -> None:
    assert course(linear(0, 0.5), 8) == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert linear(0, 0.5).factor(8, 8) == 0


def test_warm_up_and_decay_multiply_where_they_meet() -> None:
    assert course(linear(4, 0.0), 4) == [0.25 * 1, 0.5 * 0.75, 0.75 * 0.5, 1 * 0.25]


def test_cosine_decay() -> None:
    settings = ScheduleSettings(kind=RateCurve.COSINE)
    assert course(settings, 4) == [round((1 + math.cos(math.pi * step / 4)) / 2, 4) for step in range(4)]
    assert settings.factor(2, 4) == pytest.approx(0.5)


@pytest.mark.parametrize("kind", [RateCurve.COSINE, RateCurve.LINEAR])
def test_a_decay_ends_at_its_floor_and_stays_there(kind: RateCurve) -> None:
    settings = ScheduleSettings(kind=kind, decay_from=0.5, floor=0.1)
    assert settings.factor(5, 10) == 1
    assert 0.1 < settings.factor(9, 10) < 1
    assert settings.factor(10, 10) == settings.factor(99, 10) == pytest.approx(0.1)


def test_a_linear_decay_never_rises_again() -> None:
    assert linear(0, 1.0).factor(5, 8) == 1
    assert linear(0, 0.5).factor(20, 8) == 0


@pytest.mark.parametrize("wrong", [{"decay_from": 0.5}, {"floor": 0.1}])
def test_a_constant_schedule_takes_no_decay(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=f"a constant schedule has no {next(iter(wrong))}"):
        ScheduleSettings.model_validate(wrong)


def test_only_a_decay_needs_the_number_of_steps() -> None:
    assert ScheduleSettings(warmup=2).factor(0, None) == 0.5
    with pytest.raises(ValueError, match="a linear schedule needs the number of steps"):
        linear(0, 0.5).factor(0, None)


WRONG = ({"warmup": -1}, {"kind": "step"}, {"kind": "linear", "decay_from": 1.5}, {"x": 1})


@pytest.mark.parametrize("wrong", WRONG)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ScheduleSettings.model_validate(wrong)
