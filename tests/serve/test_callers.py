from pathlib import Path

import pytest

from irg.serve.callers import Callers, is_loopback
from irg.serve.refusals import Refused
from irg.serve.tokens import Caller, TokenBook, TokenLimits


def refusal(callers: Callers, method: str = "GET", path: str = "/v1/models", **headers: str) -> str | None:
    try:
        callers.identify(method, path, {name: value.split("|") for name, value in headers.items()})
    except Refused as refused:
        return f"{refused.status} {refused.code}"
    return None


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *[("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True)],
        *[
            ("0.0.0.0", False),
            ("::", False),
            ("10.0.0.1", False),
            ("localhost.evil.example", False),
            ("", False),
        ],
    ],
)
def test_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


class TestWithoutTokens:
    """Any key will do; what a browser was made to send will not."""

    @pytest.fixture
    def callers(self, tmp_path: Path) -> Callers:
        return Callers(TokenBook(tmp_path / "none.json"), is_local=True)

    @pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
    def test_this_machine_may_ask(self, callers: Callers, host: str) -> None:
        assert refusal(callers, host=host, authorization="Bearer anything") is None
        assert refusal(callers, "POST", host=host, origin=f"http://{host}") is None

    def test_pages_of_others_may_not(self, callers: Callers) -> None:
        own = "127.0.0.1:8000"
        for origin in ("https://evil.example", "null", "http://127.0.0.1:9", "http://[", f"x|http://{own}"):
            assert refusal(callers, "POST", host=own, origin=origin) == "403 cross_origin", origin

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "10.0.0.1:80"])
    def test_names_that_resolve_to_this_machine_may_not(self, callers: Callers, host: str) -> None:
        assert refusal(callers, host=host, origin=f"http://{host}") == "421 wrong_host"


class TestWithTokens:
    @pytest.fixture
    def book(self, tmp_path: Path) -> TokenBook:
        return TokenBook(tmp_path / "tokens.json")

    @pytest.fixture
    def token(self, book: TokenBook) -> str:
        return book.add("alice", TokenLimits(requests_per_minute=3, concurrent=2))

    @pytest.fixture
    def callers(self, book: TokenBook) -> Callers:
        return Callers(book, is_local=True)

    def test_the_token_opens(self, callers: Callers, token: str) -> None:
        assert refusal(callers, authorization=f"Bearer {token}") is None
        assert refusal(callers, authorization=f"bearer  {token} ") is None

    @pytest.mark.parametrize(
        "headers",
        [
            "",
            "Bearer",
            "Bearer ",
            "{}",
            "Basic {}",
            "Bearer x{}",
            "Bearer {}|Bearer {}",
            "Bearer {}x",
            "Bearer \0{}",
        ],
    )
    def test_nothing_else_does(self, callers: Callers, token: str, headers: str) -> None:
        given = headers.replace("{}", token)
        for path in (
            "/v1/models",
            "/metrics",
            "/openapi.json",
            "//",
            "/health/",
            "/PAGE.js",
            "/../",
            "*",
            "",
        ):
            refused = refusal(callers, "GET", path, **({"authorization": given} if given else {}))
            assert refused == "401 invalid_api_key", path
        assert refusal(callers, "POST", "/health") == "401 invalid_api_key"
        assert refusal(callers, "OPTIONS", "/") == "401 invalid_api_key"

    def test_what_says_nothing_of_anyone_is_open(self, callers: Callers, token: str) -> None:
        assert all(refusal(callers, "GET", path) is None for path in ("/", "/page.js", "/health", "/ready"))

    def test_the_message_does_not_repeat_it(self, callers: Callers, token: str) -> None:
        with pytest.raises(Refused) as refused:
            callers.identify("GET", "/v1/models", {"authorization": [f"Bearer {token}x"]})
        assert token[5:] not in refused.value.body.decode()

    def test_a_file_that_cannot_be_read_lets_nobody_in(
        self, callers: Callers, book: TokenBook, token: str
    ) -> None:
        book.path.write_text("{")
        assert refusal(callers, authorization=f"Bearer {token}") == "503 tokens_unreadable"


def test_where_others_reach_it_a_missing_file_lets_nobody_in(tmp_path: Path) -> None:
    callers = Callers(TokenBook(tmp_path / "none.json"), is_local=False)
    for headers in ({}, {"authorization": "Bearer anything"}):
        assert refusal(callers, **headers) == "401 invalid_api_key"
    assert refusal(Callers(None, is_local=False)) is None, "nobody asks for tokens"


def test_the_limits_of_a_token_are_its_own(tmp_path: Path) -> None:
    now = [0.0]
    callers = Callers(TokenBook(tmp_path / "none"), is_local=True, clock=lambda: now[0])
    limited = Caller("alice", TokenLimits(requests_per_minute=3, concurrent=2))
    with callers.place(limited), callers.place(limited):
        with pytest.raises(Refused, match="under way") as refused, callers.place(limited):
            pass
        assert refused.value.status == 429
        with callers.place(Caller("bob", TokenLimits(concurrent=1))), callers.place(Caller()):
            pass
    now[0] = 20.0
    with callers.place(limited):
        pass
    with pytest.raises(Refused, match="wait 40 s") as refused, callers.place(limited):
        pass
    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "40")
    now[0] = 60.0
    with callers.place(limited):
        pass
