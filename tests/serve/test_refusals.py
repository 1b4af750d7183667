import json

import pytest

from irg.serve.refusals import Refused


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (404, "invalid_request_error"),
        (503, "server_error"),
    ],
)
def test_its_body_is_what_clients_read(status: int, kind: str) -> None:
    refused = Refused(status, "why", "what was wrong")
    error = {"message": "what was wrong", "type": kind, "param": None, "code": "why"}
    assert json.loads(refused.body) == {"error": error}
    assert str(refused) == "what was wrong"
