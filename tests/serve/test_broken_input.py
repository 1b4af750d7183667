"""A short form of what `make malformed` sends by the schema, and of its pictures."""

import pytest

from tests.serve.broken_input import at_work, send_by_schema, send_pictures
from tests.serve.conftest import Front
from tests.serve.servers import eventually


def test_broken_pictures_are_refused_or_looked_at(front: Front) -> None:
    address = front.address.removeprefix("http://")
    statuses = send_pictures(address, 60, seed=0)
    assert set(statuses) == {200, 400}
    eventually(lambda: at_work(address) == 0)


def test_what_the_schema_does_not_allow_is_no_failure(front: Front) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    address = front.address.removeprefix("http://")
    assert not send_by_schema(address, 60, seed=0)
    eventually(lambda: at_work(address) == 0)
