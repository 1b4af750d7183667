"""The first question: asked in the way of all others, once for each way."""

from typing import Any

import pytest

from irg.endpoint import EndpointSettings
from irg.endpoint.asking import Respondent, Sampling
from irg.endpoint.probe import label
from tests.endpoint.conftest import Make, run
from tests.endpoint.fake_server import Behaviour, FakeServer

ADDRESS: dict[str, Any] = {"base_url": "http://localhost:1/v1", "model": "judge"}
RIGHT = '{"things": [{"name": "an apple", "edible": true}]}'


@pytest.mark.parametrize(
    "changed",
    [
        {"base_url": "http://localhost:2/v1"},
        {"key_env": "A_KEY"},
        {"timeout": 5},
        {"stream": True},
        {"structured": "plain"},
        {"limit_name": "max_completion_tokens"},
        {"send_seed": False},
        {"ask_base64": True},
    ],
)
def test_another_way_of_asking_is_another_question(changed: dict[str, Any]) -> None:
    assert label(EndpointSettings(**ADDRESS | changed)) != label(EndpointSettings(**ADDRESS))


def test_how_fast_and_for_how_much_is_no_other_question() -> None:
    same = {"in_flight": 1, "patience": 1, "alike": 1, "prices": {"judge": {"input": 1}}, "attempts": 1}
    assert label(EndpointSettings(**ADDRESS | same)) == label(EndpointSettings(**ADDRESS))


@pytest.mark.parametrize("structured", ["json_schema", "json_object", "plain"])
@pytest.mark.parametrize("shows", [False, True])
def test_it_is_asked_as_all_others_are_and_once(
    make: Make, server: FakeServer, structured: str, shows: bool
) -> None:
    server.behaviour = Behaviour(answer=lambda body: RIGHT)
    for _ in range(2):
        endpoint = make(structured=structured, stream=True, extra={"top_k": 3})
        sampling = Sampling(max_tokens=77, temperature=0.5)
        run(Respondent(endpoint.settings, endpoint.account, {}, sampling).probe(shows))
    (seen,) = server.requests
    assert seen.body["max_tokens"] == 77 and seen.body["temperature"] == 0.5 and seen.body["stream"]
    assert seen.body["top_k"] == 3 and seen.body["seed"] == 0
    assert seen.body.get("response_format", {"type": "plain"})["type"] == structured
    assert ("image_url" in str(seen.body)) == shows
