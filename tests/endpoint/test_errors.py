"""Reasons for having no answer, and a key that stays where it is."""

import pickle

import pytest

from irg.endpoint import NoAnswer
from irg.endpoint.errors import EndpointError, Secret

KEY = "sk-Very+Secret/0123456789"
SPELLINGS = (KEY, "sk-Very%2BSecret%2F0123456789")


@pytest.fixture(autouse=True)
def _key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)


def test_a_reason_is_worth_another_attempt_or_ends_the_run_or_rejects_a_record() -> None:
    retried = {reason.name for reason in NoAnswer if reason.retried}
    stopping = {reason.name for reason in NoAnswer if reason.stops_run}
    assert retried == {"RATE_LIMIT", "SERVER", "TIMEOUT", "CONNECTION", "MALFORMED"}
    assert stopping == {"BUDGET", "UNAUTHORIZED", "NOT_FOUND", "QUOTA", "MOVED", "UNAVAILABLE", "ALIKE"}
    assert {reason.name for reason in NoAnswer if reason.unanswered} == {*retried, "BAD_REQUEST"}


def test_an_error_says_its_reason_and_what_there_is_to_say() -> None:
    assert str(EndpointError(NoAnswer.CUT, "at 50 tokens")) == "answer cut short: at 50 tokens"
    assert str(EndpointError(NoAnswer.CUT, "")) == "answer cut short"


def test_a_secret_shows_and_sends_nothing() -> None:
    secret = Secret.from_environment("TEACHER_KEY")
    assert secret is not None and secret.reveal() == KEY
    assert not any(spelling in f"{secret} {secret!r} {[secret]}" for spelling in (*SPELLINGS, KEY[3:]))
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_is_taken_out_however_it_is_spelt(spelling: str) -> None:
    secret = Secret.from_environment("TEACHER_KEY")
    assert secret is not None
    assert secret.redact(f"Bearer {spelling}, {spelling}!") == "Bearer [key], [key]!"
    assert secret.redact("nothing of it") == "nothing of it"


def test_a_key_is_asked_for_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Secret.from_environment(None) is None
    monkeypatch.setenv("TEACHER_KEY", f" {KEY}\n")
    secret = Secret.from_environment("TEACHER_KEY")
    assert secret is not None and secret.reveal() == KEY
    monkeypatch.setenv("TEACHER_KEY", " ")
    with pytest.raises(ValueError, match=r"^the environment variable TEACHER_KEY, .* is not set$"):
        Secret.from_environment("TEACHER_KEY")
    monkeypatch.setenv("TEACHER_KEY", "two words")
    with pytest.raises(ValueError, match=r"^the environment variable TEACHER_KEY holds characters that no"):
        Secret.from_environment("TEACHER_KEY")
