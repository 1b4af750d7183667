"""Keys: searched for in everything that is written, printed, logged or raised."""

import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest

from irg.endpoint import (
    Account,
    Endpoint,
    EndpointError,
    EndpointSettings,
    spent,
)
from tests.endpoint.conftest import QUICK, Make, ask, run
from tests.endpoint.fake_server import Behaviour, FakeServer, Fault

KEY = "sk-Very+Secret/0123456789"
SPELLINGS = (KEY, "sk-Very%2BSecret%2F0123456789", KEY[3:])


@pytest.fixture(autouse=True)
def _key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)


def hides_key(text: str) -> bool:
    return not any(spelling in text for spelling in SPELLINGS)


def echoing(body: Any, status: int) -> Behaviour:
    return Behaviour(status=lambda _: (status, body))


BEHAVIOURS = {
    "answer": Behaviour(answer=lambda body: f"Your key is {KEY}, is it not?"),
    "fine": Behaviour(),
    "repeated headers": Behaviour({Fault.ECHO: 1.0}),
    "wrong key": echoing({"error": {"message": f"Incorrect API key: {KEY}", "code": KEY}}, 401),
    "not JSON": echoing(f"proxy: Bearer {SPELLINGS[1]}", 502),
    "no choices": echoing({"choices": [], "error": KEY}, 200),
    "refusal": echoing(
        {"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": f"{KEY}!"}}]}, 200
    ),
    "model's name": echoing(
        {"model": KEY, "choices": [{"finish_reason": "stop", "message": {"content": f"it is {KEY}"}}]}, 200
    ),
    "hang": Behaviour({Fault.HANG: 1.0}),
    "reset": Behaviour({Fault.RESET: 1.0}),
    "broken off": Behaviour({Fault.BROKEN_OFF: 1.0}),
    "truncated": Behaviour({Fault.TRUNCATED: 1.0}, answer=lambda body: KEY * 40),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_key_is_nowhere_to_be_found(
    make: Make,
    server: FakeServer,
    tmp_path: Path,
    name: str,
    stream: bool,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.behaviour = BEHAVIOURS[name]
    timeout = 0.3 if name == "hang" else 60.0
    endpoint = make(key_env="TEACHER_KEY", attempts=2, timeout=timeout, stream=stream)
    told = [repr(endpoint), str(endpoint.settings), endpoint.settings.model_dump_json(), repr(vars(endpoint))]
    with caplog.at_level(logging.DEBUG):
        try:
            told.append(repr(run(endpoint.complete(ask("a question")))))
        except EndpointError as error:
            told += [str(error), repr(error), error.detail, repr(pickle.dumps(error))]
            told += traceback.format_exception(error, chain=True)
            assert error.__cause__ is None and error.__context__ is None
    told += [record.getMessage() for record in caplog.records] + [caplog.text, *capfd.readouterr()]
    told += [str(spent(endpoint.account)), repr(pickle.dumps(endpoint))]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    told += [path.read_bytes().decode("latin-1") for path in written]
    assert written and caplog.records and server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert all(hides_key(text) for text in told)


def test_another_services_secrets_are_not_sent(
    make: Make, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-other")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-other")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: sk-gateway\nAuthorization: Bearer sk-header")
    run(make().complete(ask("a question")))
    run(make(key_env="TEACHER_KEY").complete(ask("another question")))
    for seen in server.requests:
        assert "other" not in str(seen.headers) and "sk-" not in str(seen.headers).replace(KEY, "")
    assert "authorization" not in server.requests[0].headers
    assert server.requests[1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("value", ["", "  ", "two words", "br\u00f6ken", "line\nbreak"])
def test_a_variable_without_a_key_is_named(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TEACHER_KEY", value)
    settings = EndpointSettings(base_url=server.url, model="m", key_env="TEACHER_KEY", backoff=QUICK)
    endpoint = Endpoint(settings, Account(folder=tmp_path))
    with pytest.raises(ValueError, match="TEACHER_KEY") as caught:
        run(endpoint.complete(ask("a question")))
    assert not value.strip() or value not in str(caught.value)
    assert server.num_requests == 0
