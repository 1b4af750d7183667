"""Encoders in a process of their own, whose packages ours cannot share: DreamSim, LLM2CLIP, CSD.

The process answers JSON over HTTP: GET / says who it is and what it can, `{"identity": {...}, "dimensions":
["style", "reasoning", "diversity"]}`; POST /DIMENSION, with the pictures (JPEG) in base64, gives the value.
"""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from irg.bench.oneig.judge import DIVERSITY, REASONING, STYLE, Failed

_SECONDS = 300.0


class RemoteEncoders:
    """A process at an address. Raises ValueError where none answers there."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        if not self._address.startswith(("http://", "https://")):
            raise ValueError(f"--judge scorer={address}: expected an address such as http://127.0.0.1:8900")
        try:
            self._about = self._exchange("/", None)
        except Failed as failure:
            raise ValueError(f"no scorer answers at {address}: {failure}") from failure
        if not isinstance(self._about.get("identity"), dict) or not isinstance(
            self._about.get("dimensions"), list
        ):
            raise ValueError(f"what answers at {address} is no scorer: it has no identity and dimensions")

    @property
    def identity(self) -> Mapping[str, Any]:
        return self._about["identity"]

    @property
    def dimensions(self) -> frozenset[str]:
        return frozenset(self._about["dimensions"])

    def style(self, picture: bytes, style: str) -> Mapping[str, Sequence[float]]:
        found = self._value(STYLE, {"pictures": [_text(picture)], "style": style})
        if not isinstance(found, dict) or not found or not all(map(_is_numbers, found.values())):
            raise Failed(f"{found!r} is no nearness to references by encoder")
        return found

    def reasoning(self, picture: bytes, answer: str) -> float:
        return self._number(REASONING, {"pictures": [_text(picture)], "text": answer})

    def diversity(self, one: bytes, other: bytes) -> float:
        return self._number(DIVERSITY, {"pictures": [_text(one), _text(other)]})

    def _number(self, dimension: str, body: Mapping[str, Any]) -> float:
        value = self._value(dimension, body)
        if not _is_number(value):
            raise Failed(f"{value!r} is no number")
        return float(value)

    def _value(self, dimension: str, body: Mapping[str, Any]) -> Any:
        answer = self._exchange(f"/{dimension}", body)
        if "value" not in answer:
            raise Failed(f"an answer without a value: {str(answer.get('error', answer))[:200]}")
        return answer["value"]

    def _exchange(self, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"} if data else {}
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                content = json.load(answer)
        except urllib.error.HTTPError as error:
            raise Failed(f"status {error.code}: {error.read(200).decode(errors='replace')}") from error
        except (OSError, ValueError) as error:
            raise Failed(f"{type(error).__name__}: {error}") from error
        if not isinstance(content, dict):
            raise Failed(f"{type(content).__name__}, expected an object")
        return content


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _is_numbers(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(map(_is_number, values))
