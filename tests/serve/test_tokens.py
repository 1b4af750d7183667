import json
import threading
from pathlib import Path

import pytest

from irg.serve.tokens import Caller, TokenBook, TokenLimits, default_file, without_tokens


@pytest.fixture
def book(tmp_path: Path) -> TokenBook:
    return TokenBook(tmp_path / "irg" / "tokens.json")


def test_a_token_is_shown_once_and_stored_as_a_hash(book: TokenBook) -> None:
    limits = TokenLimits(requests_per_minute=5, pixels=1 << 20)
    token = book.add("alice", limits)
    other = book.add("bob", TokenLimits())
    assert token != other and token[5:] not in book.path.read_text()
    assert book.caller(token) == Caller("alice", limits) and book.caller(other) == Caller("bob")
    assert book.path.stat().st_mode & 0o777 == 0o600
    assert [(known.name, known.limits) for known in book.known()] == [
        ("alice", limits),
        ("bob", TokenLimits()),
    ]
    assert token[5:] not in repr(book)


def test_the_same_token_has_another_hash_in_another_file(tmp_path: Path) -> None:
    first, second = TokenBook(tmp_path / "1"), TokenBook(tmp_path / "2")
    token = first.add("alice", TokenLimits())
    second.add("alice", TokenLimits())
    assert second.caller(token) is None


@pytest.mark.parametrize("wrong", ["", "irgt_", "x" * 1000, "ä", "irgt_" + "A" * 43])
def test_what_is_no_token_is_nobodys(book: TokenBook, wrong: str) -> None:
    token = book.add("alice", TokenLimits())
    assert book.caller(wrong) is None
    assert book.caller(token[:-1]) is None and book.caller(token + "a") is None


def test_a_running_server_heeds_what_was_added_and_removed(book: TokenBook) -> None:
    running = TokenBook(book.path)
    assert not running.is_needed
    token = book.add("alice", TokenLimits())
    assert running.is_needed and running.caller(token) == Caller("alice")
    book.remove("alice")
    assert running.is_needed and running.caller(token) is None


def test_a_file_that_is_gone_lets_nobody_in(book: TokenBook) -> None:
    token = book.add("alice", TokenLimits())
    book.path.unlink()
    assert book.is_needed and book.caller(token) is None


def test_names_and_files_that_are_none_are_told(book: TokenBook) -> None:
    book.add("alice", TokenLimits())
    with pytest.raises(ValueError, match="has a token named 'alice'"):
        book.add("alice", TokenLimits())
    with pytest.raises(ValueError, match="token name 'a b'"):
        book.add("a b", TokenLimits())
    with pytest.raises(ValueError, match="no token named 'bob', but alice"):
        book.remove("bob")
    content = json.loads(book.path.read_text())
    key, content["key"] = content["key"], content["key"][:-1] + "X"
    book.path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="key") as broken:
        TokenBook(book.path).known()
    assert key[:20] not in str(broken.value)


def test_tokens_added_at_once_are_all_there(book: TokenBook) -> None:
    adding = [
        threading.Thread(target=TokenBook(book.path).add, args=(f"user{number}", TokenLimits()))
        for number in range(8)
    ]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()
    assert len(book.known()) == 8


def test_the_file_is_the_one_named_or_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IRG_TOKENS", str(tmp_path / "mine.json"))
    assert default_file() == tmp_path / "mine.json"
    monkeypatch.delenv("IRG_TOKENS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_file() == tmp_path / "irg" / "tokens.json"


def test_tokens_in_texts_are_masked(book: TokenBook) -> None:
    token = book.add("alice", TokenLimits())
    assert without_tokens(f"GET /v1/{token}/x: {token}.") == "GET /v1/irgt_.../x: irgt_...."
