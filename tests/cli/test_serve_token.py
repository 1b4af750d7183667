import json
from pathlib import Path

import pytest

from irg.serve.tokens import TokenBook, TokenLimits
from tests.cli.conftest import Run

TOKEN = ("serve", "token")
FILE = ("--tokens", "tokens.json")


def test_a_token_is_added_listed_and_removed(run: Run, work: Path) -> None:
    added = run(*TOKEN, "add", "alice", "--requests-per-minute", 60, "--pixels", 1 << 20, *FILE)
    caller = TokenBook(work / "tokens.json").caller(added.stdout.strip())
    assert caller is not None and caller.name == "alice"
    assert caller.limits == TokenLimits(requests_per_minute=60, pixels=1 << 20)
    listed = run(*TOKEN, "list", *FILE)
    assert "alice" in listed.stdout and "60" in listed.stdout
    facts = json.loads(run(*TOKEN, "list", "--json", *FILE).stdout)["alice"]
    assert facts | {"since": ""} == {
        "since": "",
        "requests_per_minute": 60,
        "concurrent": None,
        "pixels": 1 << 20,
    }
    assert added.stdout.strip() not in listed.output + (work / "tokens.json").read_text()
    assert run(*TOKEN, "remove", "alice", *FILE).exit_code == 0
    assert "nobody may ask" in run(*TOKEN, "list", *FILE).stderr.replace("\n", " ")


def test_without_a_file_none_are_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRG_TOKENS", "none.json")
    listed = run(*TOKEN, "list")
    assert listed.exit_code == 0 and "no tokens are asked for" in listed.stderr.replace("\n", " ")


def test_what_cannot_be_is_told(refuse) -> None:
    assert "token name 'a b': expected" in refuse(*TOKEN, "add", "a b", "--tokens", "sub/tokens.json")
