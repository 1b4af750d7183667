import pytest

from irg.train.schedule import learning_rate_factor


def course(total: int, warmup: int, decay_from: float) -> list[float]:
    return [round(learning_rate_factor(step, total, warmup, decay_from), 4) for step in range(total)]


def test_warm_up_is_linear_and_never_zero() -> None:
    assert course(6, 4, 1.0) == [0.25, 0.5, 0.75, 1, 1, 1]


def test_decay_is_linear_and_would_be_zero_one_step_after_the_end() -> None:
    assert course(8, 0, 0.5) == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert learning_rate_factor(8, 8, 0, 0.5) == 0


def test_warm_up_and_decay_multiply_where_they_meet() -> None:
    assert course(4, 4, 0.0) == [0.25 * 1, 0.5 * 0.75, 0.75 * 0.5, 1 * 0.25]


@pytest.mark.parametrize("step", [0, 7, 99])
def test_a_constant_rate(step: int) -> None:
    assert learning_rate_factor(step, 100, 0, 1.0) == 1
