"""Inputs that nobody meant: what parsers read, changed in ways that break formats, decided by a generator."""

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

MOST_BYTES = 1 << 20
NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 7, 1 << 31, 1 << 63, -(1 << 63) - 1, 1 << 64, 10**30, 0.5, -0.0, 1e308),
    *("", " ", "0", "1e5", "nan", "null", "../../etc/passwd", "/etc/passwd", "C:\\x", "a\0b", "\ud800"),
    *("\x1b[2J", "\u202e", "x" * 20_000, "%s%n{0}", "embedded", "<think>"),
    *([], {}, [[]], [{}], [1] * 1000, {"": ""}, {"a": {"b": {}}}, ["x", 1, None], "[" * 200, "{" * 200),
)
_TOKENS = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"NaN", b"-Infinity", b"1e999", b"null", b"9" * 400, b"-1"),
    *(b"[" * 300, b'{"a":' * 300, b"]", b"}", b'"', b"'", b"\\ud800", b"\\", b": ", b", ", b"&a [*a, *a]"),
    *(b"!!python/object:os.system ", b"<<: ", b"*a", b"- ", b"%", b"../", b"PAR1", b"\x89PNG\r\n\x1a\n"),
    *(b"</think>", b"```json", b"\x80" * 9, b"\xff" * 8, b"\x7f\xff\xff\xff", b"=", b".0.", b"GIF89a"),
)
_NUMBERS = (b"0", b"-1", b"99999999999999999999", b"1e400", b"2147483648", b"0.1", b"true", b"", b"65536")

Way = Callable[[Random, bytes, Sequence[bytes]], bytes]


def mutated(chance: Random, corpus: Sequence[bytes]) -> bytes:
    """One of the corpus, changed one to six times; never longer than `MOST_BYTES`."""
    data = chance.choice(corpus)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        data = chance.choice(_WAYS)(chance, data, corpus)
    return data[:MOST_BYTES]


def _flipped(chance: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 4, 16)) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwritten(chance: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start, _ = _slice(chance, data)
    token = chance.choice((*_TOKENS, chance.randbytes(chance.randint(1, 9))))
    return data[:start] + token + data[start + len(token) :]


def _inserted(chance: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start, _ = _slice(chance, data)
    return data[:start] + chance.choice(_TOKENS) + data[start:]


def _cut(chance: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start, end = _slice(chance, data)
    return chance.choice((data[:start], data[start:], data[:start] + data[end:]))


def _repeated(chance: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start, end = _slice(chance, data)
    times = chance.choice((2, 2, 3, 30, 1000))
    return data[:start] + data[start:end][: MOST_BYTES // times] * times + data[end:]


def _spliced(chance: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    other = chance.choice(corpus)
    return data[: _slice(chance, data)[0]] + other[_slice(chance, other)[0] :]


def _renumbered(chance: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Another number for one that stands there in digits."""
    there = list(re.finditer(rb"-?\d+(\.\d+)?", data[:65_536]))
    if not there:
        return _flipped(chance, data, corpus)
    found = chance.choice(there)
    return data[: found.start()] + chance.choice(_NUMBERS) + data[found.end() :]


def _rebuilt(chance: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Of JSON: a value or a key is replaced, left out or put elsewhere. Anything else is flipped."""
    if len(data) > MOST_BYTES // 64:  # of which changes that multiply would make too much
        return _flipped(chance, data, corpus)
    try:
        content = json.loads(data)
        return json.dumps(_changed(chance, content)).encode()
    except (ValueError, RecursionError):
        return _flipped(chance, data, corpus)


def _changed(chance: Random, content: Any) -> Any:
    if isinstance(content, dict) and content and chance.random() < 0.85:
        name = chance.choice(list(content))
        match chance.randrange(8):
            case 0:
                return {key: value for key, value in content.items() if key != name}
            case 1:
                return {**content, chance.choice(("", "x", "kind", "\0", *map(str, content))): content[name]}
            case _:
                return {**content, name: _changed(chance, content[name])}
    if isinstance(content, list) and content and chance.random() < 0.85:
        index = chance.randrange(len(content))
        match chance.randrange(8):
            case 0:
                return [*content[:index], *content[index + 1 :]]
            case 1:
                return content * chance.choice((2, 50))
            case _:
                return [*content[:index], _changed(chance, content[index]), *content[index + 1 :]]
    return chance.choice((*NASTY, [content], {"a": content}, str(content)))


def _slice(chance: Random, data: bytes) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice((1, 4, 30, 1000)))


_WAYS: tuple[Way, ...] = (
    *(_flipped, _overwritten, _inserted, _cut, _repeated, _spliced, _renumbered),
    *(_rebuilt,) * 7,
)
