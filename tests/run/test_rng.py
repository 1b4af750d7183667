import json
import random
from typing import Any

import numpy as np
import pytest
import torch

from irg.run.parallel import Layout
from irg.run.rng import restore_rng, rng_state, seed_rng

CPU = torch.device("cpu")


def layout(rank: int = 0, world: int = 1) -> Layout:
    return Layout(rank, world, CPU)


@pytest.fixture(autouse=True)
def generators() -> Any:
    """Seeded, and given back as they were."""
    before = rng_state(layout())
    random.seed(1)
    np.random.seed(2)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield
    restore_rng(before, layout())


def drawn() -> tuple[float, ...]:
    """The next number of each, two of NumPy's because it keeps every second normal one back."""
    return (random.random(), np.random.standard_normal(), np.random.standard_normal(), torch.rand(()).item())


def test_the_same_numbers_come_again() -> None:
    np.random.standard_normal()
    random.gauss()
    states = json.loads(json.dumps(rng_state(layout())))
    expected = drawn()
    drawn()
    restore_rng(states, layout())
    assert drawn() == expected


def test_a_runs_seed_and_the_process_decide_where_generators_begin() -> None:
    found = []
    for seed, rank in ((5, 0), (5, 1), (6, 0), (5, 0)):
        seed_rng(seed, layout(rank, 2))
        found.append(drawn())
    assert found[0] == found[3]
    assert all(len({draws[place] for draws in found}) == 3 for place in range(4))


def test_new_processes_get_seeds_of_their_own_always_the_same() -> None:
    states = rng_state(layout())
    found = []
    for rank in (0, 1, 2, 1):
        restore_rng(states, layout(rank, 3))
        found.append(drawn())
    assert found[1] == found[3]
    assert all(len({draws[place] for draws in found[:3]}) == 3 for place in range(4))


def test_derived_seeds_follow_the_saved_state() -> None:
    states = rng_state(layout())
    restore_rng(states, layout(1, 2))
    first = drawn()
    restore_rng(rng_state(layout()), layout(1, 2))
    assert drawn() != first


@pytest.mark.parametrize("states", [[], [{}], [{"python": 1}]])
def test_damaged_states_are_refused(states: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="random generators"):
        restore_rng(states, layout())
