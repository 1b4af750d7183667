from itertools import pairwise

import pytest
import torch

from irg.engine.flow import shifted_schedule
from irg.engine.saving import Known, Saving, Solver, evaluated, with_known


def drawn(saving: Saving, points: int) -> float:
    """How far x' = 3 t^2 - x is from where it ends, taken from 1 to 0 in steps."""
    schedule, latent = list(shifted_schedule(points, 1.0)), torch.tensor([[1.0]], dtype=torch.float64)
    known: Known = ()
    for index, times in enumerate(pairwise(schedule)):
        if saving.evaluates(index):
            known = with_known(known, times[0], 3 * times[0] ** 2 - latent)
        latent = latent - saving.velocity(known, times) * (times[0] - times[1])
    exact = 6 - 2 * torch.e  # x(t) = 3 t^2 - 6 t + 6 - 2 e^(1 - t)
    return abs(latent.item() - exact)


def test_the_default_is_the_velocity_of_every_step() -> None:
    saving = Saving()
    first, second = torch.ones(2, 3), torch.zeros(2, 3)
    assert saving.is_exact and all(saving.evaluates(index) for index in range(5))
    known = with_known(with_known((), 1.0, first), 0.7, second)
    assert saving.velocity(known, (0.7, 0.3)) is second


def test_in_between_a_line_is_followed() -> None:
    saving = Saving(every=2)
    assert [saving.evaluates(index) for index in range(5)] == [True, False, True, False, True]
    known = with_known((), 1.0, torch.tensor([[4.0]]))
    assert saving.velocity(known, (0.9, 0.8)).item() == 4.0  # of one nothing else is known
    known = with_known(known, 0.8, torch.tensor([[2.0]]))
    assert saving.velocity(known, (0.8, 0.6)).item() == 2.0  # evaluated here
    assert saving.velocity(known, (0.6, 0.4)).item() == pytest.approx(-1.0)  # 2 a tenth, to the middle
    assert len(with_known(known, 0.4, torch.zeros(1, 1))) == 2


def test_a_velocity_that_is_used_again_is_what_it_was() -> None:
    saving = Saving(reuse=0.1)
    known = with_known(with_known((), 1.0, torch.tensor([[4.0]])), 0.8, torch.tensor([[2.0]]))
    for times in ((0.8, 0.6), (0.6, 0.4)):
        assert saving.velocity(known, times).item() == 2.0


def test_adams_is_of_second_order_and_euler_of_first() -> None:
    for solver, order in ((Solver.EULER, 1), (Solver.ADAMS, 2)):
        coarse, fine = (drawn(Saving(solver=solver), points) for points in (33, 65))
        assert coarse / fine == pytest.approx(2**order, rel=0.15)


def test_carrying_on_beats_steps_as_long() -> None:
    """With as many evaluations, more steps between them are nearer."""
    schedule = shifted_schedule(33, 1.0)
    assert (
        len(evaluated(Saving(every=4), schedule)) == 8 == len(evaluated(Saving(), shifted_schedule(9, 1.0)))
    )
    assert drawn(Saving(every=4), 33) < drawn(Saving(), 9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"every": 0}, "steps for each evaluation: 0"),
        ({"reuse": -0.1}, "change up to which a velocity is used again: -0.1"),
        ({"reuse": 0.1, "every": 2}, "every 2 and reuse 0.1 both say when the model is run"),
        ({"solver": "heun"}, "solver 'heun': expected one of euler"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Saving(**wrong)  # type: ignore[arg-type]
