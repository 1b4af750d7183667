"""Bearer tokens: who may ask the server for how much.

A file holds a keyed hash of each token, never a token: what `add` returns is shown once and known to nobody
else. Tokens are 256 random bits, which nobody finds by trying, so that the hash need not be slow, and a
server can check one for every request. The file is read anew when it has changed: a running server heeds
what was added and removed.
"""

import fcntl
import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from irg.core.files import MOST_BYTES, parse_json, read_text, write_atomically
from irg.core.settings import BaseSettings, checked

VARIABLE = "IRG_TOKENS"
_PREFIX = "irgt_"
_SHOWN = re.compile(rf"{_PREFIX}[\w-]{{8,}}")
_MOST_CHARACTERS = 200
"""Of what a client says is its token; what is longer is none, and is not hashed."""
_NAME = re.compile(r"[\w.@-]{1,64}")


class TokenLimits(BaseSettings):
    """What the holder of a token may ask for; None is no limit of its own."""

    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    concurrent: Annotated[int, Field(ge=1)] | None = None
    """Requests under way at once."""
    pixels: Annotated[int, Field(ge=1)] | None = None
    """That one request may have drawn, all its pictures together."""


UNLIMITED = TokenLimits()


class _StoredToken(TokenLimits):
    digest: str
    created: str


class _TokenFile(BaseSettings):
    model_config = ConfigDict(hide_input_in_errors=True)

    key: Annotated[str, Field(min_length=64, max_length=64, pattern="^[0-9a-f]*$")] = Field(
        default_factory=lambda: secrets.token_hex(32)
    )
    tokens: dict[str, _StoredToken] = Field(default_factory=dict)

    def digest(self, token: str) -> str:
        return hmac.digest(bytes.fromhex(self.key), token.encode(), "sha256").hex()


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the name of a token, None where the server asks for none; and the limits."""

    name: str | None = None
    limits: TokenLimits = UNLIMITED


@dataclass(frozen=True)
class KnownToken:
    """What is told of a token: all but the token."""

    name: str
    created: str
    limits: TokenLimits


def default_file() -> Path:
    """The file of IRG_TOKENS, or the user's own."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "irg" / "tokens.json"


def without_tokens(text: str) -> str:
    """The text with a mark in the place of whatever looks like one of our tokens."""
    return _SHOWN.sub(f"{_PREFIX}...", text)


@dataclass
class TokenBook:
    """The tokens of a file. Where there is no file, and never was while this was used, none are asked for;
    a file without tokens lets nobody in."""

    path: Path
    _stamp: tuple[int, int, int] | None = field(default=None, repr=False)
    _content: _TokenFile | None = field(default=None, repr=False)
    _by_digest: dict[str, Caller] = field(default_factory=dict, repr=False)

    @property
    def is_needed(self) -> bool:
        """Whether a request needs a token. Raises ValueError for a file that cannot be read."""
        self._read_again()
        return self._content is not None

    def caller(self, token: str) -> Caller | None:
        """Whose token it is; None where it is nobody's. Raises ValueError for a file that cannot be read."""
        self._read_again()
        if self._content is None or len(token) > _MOST_CHARACTERS or not token.isascii():
            return None
        # The time that it takes to look a keyed hash up says nothing of the tokens.
        return self._by_digest.get(self._content.digest(token))

    def known(self) -> list[KnownToken]:
        """The tokens there are, by name. Raises ValueError for a file that cannot be read."""
        self._read_again()
        tokens = self._content.tokens if self._content else {}
        return [KnownToken(name, stored.created, _limits(stored)) for name, stored in sorted(tokens.items())]

    def add(self, name: str, limits: TokenLimits) -> str:
        """A new token, which is shown here alone. Raises ValueError for a name that is taken or is none."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"token name {name!r}: expected up to 64 letters, digits and any of _ . @ -")
        with self._alone() as content:
            if name in content.tokens:
                raise ValueError(f"{self.path} has a token named {name!r}: remove it first")
            token = _PREFIX + secrets.token_urlsafe(32)
            created = datetime.now(UTC).isoformat(timespec="seconds")
            stored = _StoredToken(digest=content.digest(token), created=created, **limits.model_dump())
            self._write(content.model_copy(update={"tokens": {**content.tokens, name: stored}}))
        return token

    def remove(self, name: str) -> None:
        """Raises ValueError for a name that no token has."""
        with self._alone() as content:
            if name not in content.tokens:
                names = ", ".join(sorted(content.tokens)) or "no tokens"
                raise ValueError(f"{self.path} has no token named {name!r}, but {names}")
            kept = {other: stored for other, stored in content.tokens.items() if other != name}
            self._write(content.model_copy(update={"tokens": kept}))

    @contextmanager
    def _alone(self) -> Iterator[_TokenFile]:
        """What the file holds, while nobody else changes it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (self.path.parent / f".{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._read_again()
            yield self._content or _TokenFile()

    def _write(self, content: _TokenFile) -> None:
        write_atomically(self.path, content.model_dump_json(indent=1, exclude_none=True) + "\n", 0o600)
        self._read_again()

    def _read_again(self) -> None:
        """Read the file if it is another than before. One that is gone lets nobody in any more."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            if self._content is not None:
                self._stamp, self._content, self._by_digest = None, _TokenFile(), {}
            return
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        if status.st_size > MOST_BYTES:
            raise ValueError(f"{self.path} is too long: expected at most {MOST_BYTES:,} bytes")
        name = str(self.path)
        content = checked(_TokenFile, parse_json(read_text(self.path), name), name)
        self._by_digest = {
            stored.digest: Caller(name, _limits(stored)) for name, stored in content.tokens.items()
        }
        self._stamp, self._content = stamp, content


def _limits(stored: _StoredToken) -> TokenLimits:
    return TokenLimits(**{name: getattr(stored, name) for name in TokenLimits.model_fields})
