"""Inputs that nobody meant, by hypothesis: what parsers read, changed in ways that break formats."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

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
_TEXT = st.text("a0 .,:-_/\\\"'{}[]<>%~\0\n\t\x1b\x85\u00e9\u0661\u202e\u2028\ufeff\U0001f600", max_size=12)
_LEAF = st.sampled_from(NASTY) | st.integers() | st.floats() | _TEXT
_JSON = _LEAF | st.lists(_LEAF, max_size=4) | st.dictionaries(_TEXT, _LEAF, max_size=4)
_TOKEN = st.sampled_from(_TOKENS) | st.binary(min_size=1, max_size=9)

Way = Callable[[st.DrawFn, bytes, Sequence[bytes]], bytes]


@st.composite
def inputs(draw: st.DrawFn, corpus: Sequence[bytes]) -> bytes:
    """One of the corpus, changed one to six times; never longer than `MOST_BYTES`."""
    data = draw(st.sampled_from(corpus))
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3, 6)))):
        data = draw(st.sampled_from(_WAYS))(draw, data, corpus)
    return data[:MOST_BYTES]


def _flipped(draw: st.DrawFn, data: bytes, corpus: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(draw(st.sampled_from((1, 1, 2, 6))) if changed else 0):
        bit = draw(_below(8 * len(changed)))
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _overwritten(draw: st.DrawFn, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start = draw(_below(len(data) + 1))
    token = draw(_TOKEN)
    return data[:start] + token + data[start + len(token) :]


def _inserted(draw: st.DrawFn, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start = draw(_below(len(data) + 1))
    return data[:start] + draw(_TOKEN) + data[start:]


def _cut(draw: st.DrawFn, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start, end = _slice(draw, data)
    return draw(st.sampled_from((data[:start], data[start:], data[:start] + data[end:])))


def _repeated(draw: st.DrawFn, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start, end = _slice(draw, data)
    times = draw(st.sampled_from((2, 2, 3, 30, 1000)))
    return data[:start] + data[start:end][: MOST_BYTES // times] * times + data[end:]


def _spliced(draw: st.DrawFn, data: bytes, corpus: Sequence[bytes]) -> bytes:
    other = draw(st.sampled_from(corpus))
    return data[: draw(_below(len(data) + 1))] + other[draw(_below(len(other) + 1)) :]


def _renumbered(draw: st.DrawFn, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Another number for one that stands there in digits."""
    there = list(re.finditer(rb"-?\d+(\.\d+)?", data[:65_536]))
    if not there:
        return _flipped(draw, data, corpus)
    found = there[draw(_below(len(there)))]
    return data[: found.start()] + draw(st.sampled_from(_NUMBERS)) + data[found.end() :]


def _rebuilt(draw: st.DrawFn, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Of JSON: a value or a key is replaced, left out or put elsewhere. Anything else is flipped."""
    if len(data) > MOST_BYTES // 64:  # of which changes that multiply would make too much
        return _flipped(draw, data, corpus)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _flipped(draw, data, corpus)
    return json.dumps(_changed(draw, content)).encode()


def _changed(draw: st.DrawFn, content: Any) -> Any:
    if content and isinstance(content, dict | list) and draw(_below(7)):
        names = list(content) if isinstance(content, dict) else range(len(content))
        name = names[draw(_below(len(names)))]
        match draw(_below(8)):
            case 7:
                return _without(content, name)
            case 6 if isinstance(content, dict):
                other = draw(st.sampled_from(("", "x", "kind", "\0", *map(str, content))))
                return {**content, other: content[name]}
            case 6 if isinstance(content, list):
                return content * draw(st.sampled_from((2, 50)))
            case _:
                changed = content.copy()
                changed[name] = _changed(draw, content[name])
                return changed
    match draw(_below(8)):
        case 7:
            return draw(st.sampled_from(([content], {"a": content}, str(content))))
        case _:
            return draw(_JSON)


def _without(content: Any, name: Any) -> Any:
    left = content.copy()
    del left[name]
    return left


def _below(end: int) -> st.SearchStrategy[int]:
    return st.integers(0, end - 1)


def _slice(draw: st.DrawFn, data: bytes) -> tuple[int, int]:
    start = draw(_below(len(data) + 1))
    return start, min(len(data), start + draw(st.sampled_from((1, 4, 30, 1000))))


_WAYS: tuple[Way, ...] = (
    *(_flipped, _overwritten, _inserted, _cut, _repeated, _spliced, _renumbered),
    *(_rebuilt,) * 7,
)
