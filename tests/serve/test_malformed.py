"""Some requests that nobody meant; `python -m tests.serve.malformed` sends more."""

import random

import pytest

from irg.serve.service import Service
from tests.serve.malformed import malformed, status_of, statuses
from tests.serve.servers import eventually


# Of a form that breaks off within a file, Starlette leaves that file to the collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*SpooledTemporaryFile")
def test_whatever_is_sent_the_server_answers_and_goes_on(small_server: str, small_service: Service) -> None:
    found = statuses(lambda request: status_of(small_server, request), 150, seed=5)
    assert found[400] > 100 and all(status < 500 for status in found), found
    eventually(lambda: small_service.num_requests == 0)
    assert small_service.num_lost == 0


def test_they_are_of_every_route_and_the_same_for_a_seed() -> None:
    first, second = ([malformed(random.Random(3)) for _ in range(1)] for _ in range(2))
    assert first == second
    rng = random.Random(0)
    assert len({malformed(rng)[0] for _ in range(200)}) == 4
