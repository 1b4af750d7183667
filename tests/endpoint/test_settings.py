from typing import Any

import pytest
from pydantic import ValidationError

from irg.endpoint import Account, EndpointSettings

KEY = "sk-a0b1c2d3e4f5"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", f"https://user:{KEY}@host/v1"),
        ("base_url", f"https://host/v1?key={KEY}"),
        ("base_url", f"ftp://{KEY}/v1"),
        ("key_env", KEY),
        ("key_env", "a0b1c2d3e4f5"),
        ("api_key", KEY),
        ("extra", {"stream": KEY}),
        ("extra", {"apiKey": KEY}),
        ("in_flight", KEY),
        ("prices", {"m": {"input": -1.0}}),
        ("timeout", 0),
    ],
)
def test_bad_settings_are_refused_without_repeating_them(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        EndpointSettings.model_validate({"base_url": "http://host/v1", "model": "m", field: value})
    assert field in str(caught.value) and KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("max_cost", -1), ("max_cost", float("nan")), ("max_requests", -1)]
)
def test_bad_bounds_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        Account.model_validate({"folder": "x", name: value})


def test_settings_come_from_a_recipe_and_go_back() -> None:
    written = {"base_url": "http://host/v1/", "model": "m", "key_env": "MY_KEY", "structured": "plain"}
    settings = EndpointSettings.model_validate(written)
    assert settings.base_url == "http://host/v1"
    assert EndpointSettings.model_validate_json(settings.model_dump_json()) == settings
