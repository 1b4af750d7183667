"""A real server of the small model."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from irg.serve.service import Service
from tests.serve.servers import eventually


def call(address: str, body: Any = None, raw: bytes | None = None) -> tuple[int, Any, Any]:
    """Status, content and headers of an answer."""
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused), refused.headers


def test_it_says_what_it_is_and_that_it_is_ready(small_server: str) -> None:
    assert call(f"{small_server}/health")[:2] == (200, {"status": "ok"})
    assert call(f"{small_server}/ready")[:2] == (200, {"status": "ready"})
    status, models, _ = call(f"{small_server}/v1/models")
    assert status == 200 and [model["id"] for model in models["data"]] == ["small"]
    assert call(f"{small_server}/v1/models/small")[0] == 200
    assert {"irg", "thinkmorph", "silent"} <= {*models["data"][0]["plans"]}


def test_its_schema_tells_of_every_route_and_field(small_server: str) -> None:
    _, schema, _ = call(f"{small_server}/openapi.json")
    assert "/v1/responses" in schema["paths"]
    fields = schema["components"]["schemas"]["ResponsesBody"]
    assert fields["additionalProperties"] is False and "turns" in fields["properties"]


@pytest.mark.parametrize(
    "path, raw, status, code, param",
    [
        ("/v1/nothing", b"{}", 404, "not_found", None),
        ("/v1/models", b"{}", 405, "method_not_allowed", None),
        ("/v1/responses", b'{"input": "a", "nonsense": 1}', 400, "unknown_parameter", "nonsense"),
        ("/v1/responses", b'{"input": "a", "turns": 0}', 400, "invalid_value", "turns"),
        ("/v1/responses", b'{"input": "a", "model": "gpt-image-2"}', 404, "model_not_found", "model"),
        ("/v1/responses", b"{", 400, "invalid_body", None),
        ("/v1/responses", b"", 400, "invalid_body", None),
        ("/v1/responses", b"[]", 400, "invalid_body", None),
        (
            "/v1/responses",
            b'{"input": "a", "guidance": {"text_scale": NaN}}',
            400,
            "invalid_value",
            "guidance.text_scale",
        ),
        ("/v1/responses", b"\xff\xfe", 400, "invalid_body", None),
        ("/v1/responses", b"[" * 100_000, 400, "invalid_body", None),
        ("/v1/responses", b'{"seed": ' + b"9" * 5000 + b"}", 400, "invalid_body", None),
        ("/v1/responses", b"{}", 400, "missing_required_parameter", "input"),
    ],
)
def test_what_is_wrong_is_told_in_openais_form(
    small_server: str, path: str, raw: bytes, status: int, code: str, param: str | None
) -> None:
    found, content, _ = call(f"{small_server}{path}", raw=raw)
    error = content["error"]
    assert (found, error["code"], error["param"]) == (status, code, param), error
    assert error["type"] == "invalid_request_error" and error["message"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_place(
    small_server: str, small_service: Service, stream: bool
) -> None:
    host = small_server.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=100)
    body = json.dumps({"input": "a star", "steps": 900, "stream": stream})
    connection.request("POST", "/v1/responses", body, {"content-type": "application/json"})
    eventually(lambda: small_service.num_running == 1)
    connection.sock.close() if connection.sock else None
    connection.close()
    eventually(lambda: small_service.num_requests == small_service.num_running == 0)


def test_what_has_no_effect_may_hold_anything(small_server: str) -> None:
    raw = b'{"input": "a", "turns": 1, "metadata": {"a": NaN, "b": "c"}, "tools": ['
    raw += b'{"type": "image_generation", "partial_images": 1, "quality": NaN}]}'
    status, content, _ = call(f"{small_server}/v1/responses", raw=raw)
    assert (status, content["metadata"]) == (200, {"b": "c"})
    assert content["tools"] == [{"type": "image_generation", "partial_images": 1}]


def test_a_body_that_does_not_say_that_it_is_json_is_told_to(small_server: str) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = urllib.request.Request(f"{small_server}/v1/responses", b'{"input": "a"}', headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400 and "application/json" in refused.value.read().decode()


def test_a_lone_surrogate_comes_back_as_it_was(small_server: str) -> None:
    status, content, _ = call(f"{small_server}/v1/responses", raw=b'{"input": "a", "\\ud800": "\\ud800"}')
    assert status == 400 and content["error"]["message"]
