from pathlib import Path

import pytest

from irg.bench.protocol import JudgeOptions
from irg.bench.vlm import VlmSettings, vlm_settings

DEFAULTS = {"model": "judge", "temperature": 0.0, "key_env": "OPENAI_API_KEY"}


def options(folder: Path, **settings: str) -> JudgeOptions:
    return JudgeOptions(folder, folder, settings)


def test_what_the_user_says_takes_the_place_of_a_benchmark_s_defaults(tmp_path: Path) -> None:
    given = options(tmp_path, model="other", max_cost="2.5", key_env="none", extra='{"think": false}')
    found = vlm_settings(given, DEFAULTS)
    assert (found.model, found.temperature, found.max_cost, found.key_env) == ("other", 0.0, 2.5, None)
    assert found.extra == {"think": False}


def test_a_setting_that_nobody_reads_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--judge: modle: there is no such setting; did you mean model"):
        vlm_settings(options(tmp_path, modle="x"), DEFAULTS)
    with pytest.raises(ValueError, match=r"--judge: readings: '0'"):
        vlm_settings(options(tmp_path, readings="0"), DEFAULTS)


def test_a_key_that_is_not_there_and_a_bound_without_a_price_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        vlm_settings(options(tmp_path), DEFAULTS).endpoint(options(tmp_path))
    free = options(tmp_path, key_env="", max_cost="1")
    with pytest.raises(ValueError, match="max_cost needs a price for 'judge'"):
        vlm_settings(free, DEFAULTS).endpoint(free)
    with pytest.raises(ValueError, match="--judge: base_url"):
        VlmSettings(model="m", base_url="nowhere").endpoint(free)


def test_a_judge_is_known_by_what_decides_on_its_answers_and_not_by_how_it_is_asked() -> None:
    one = VlmSettings(model="m", base_url="https://api.example.com/v1", revision="abc", temperature=0.0)
    other = one.changed_by({"in_flight": 99, "timeout": 1.0, "key_env": "KEY", "max_cost": 1.0})
    known = one.identity("wise@1", {"user": "hash"})
    assert known == other.identity("wise@1", {"user": "hash"})
    assert (known["model"], known["host"], known["templates"]) == ("m", "api.example.com", {"user": "hash"})
    assert known != one.changed_by({"temperature": 1.0}).identity("wise@1", {"user": "hash"})
