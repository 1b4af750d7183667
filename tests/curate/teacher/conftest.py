from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from irg.curate.teacher.templates import shipped
from irg.endpoint import Account, EndpointSettings
from irg.endpoint.asking import Respondent, Sampling
from tests.curate.teacher.eyes import look
from tests.endpoint.conftest import QUICK
from tests.endpoint.fake_server import Behaviour, FakeServer, serving

MakeTeacher = Callable[..., Respondent]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(Behaviour(answer=look)) as running:
        yield running


@pytest.fixture
def make(server: FakeServer, tmp_path: Path) -> MakeTeacher:
    """Makes teachers at the server: settings by name, `templates`, and bounds of the account."""

    def one(**given: Any) -> Respondent:
        bounds = {name: given.pop(name) for name in ("max_cost", "max_requests") if name in given}
        templates, sampling = (
            given.pop("templates", shipped()),
            given.pop("sampling", Sampling(max_tokens=300)),
        )
        base: dict[str, Any] = {"base_url": server.url, "model": "wise", "backoff": QUICK, "timeout": 30.0}
        account = Account(folder=tmp_path / "cache", **bounds)
        return Respondent(EndpointSettings(**(base | given)), account, templates, sampling)

    return one
