"""Encoders in a process of their own, whose packages ours cannot share: DreamSim, LLM2CLIP, CSD.

The process answers JSON over HTTP: GET / says who it is and what it can, `{"identity": {...}, "dimensions":
["style", "reasoning", "diversity"]}`; POST /DIMENSION, with the pictures (JPEG) in base64, gives the value.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from irg.bench.oneig.judge import DIVERSITY, REASONING, STYLE, Failed
from irg.scorers.http import ScorerClient, ScorerFailed


class RemoteEncoders:
    """A process at an address. Raises ValueError where none answers there."""

    def __init__(self, address: str) -> None:
        try:
            self._client = ScorerClient(address)
        except (ScorerFailed, ValueError) as failure:
            raise ValueError(f"--judge encoders={address}: {failure}") from failure
        self._about = self._client.about
        named = self._about.get("dimensions")
        are_names = isinstance(named, list) and all(isinstance(one, str) for one in named)
        if not isinstance(self._about.get("identity"), dict) or not are_names:
            raise ValueError(f"--judge encoders={address}: it says no identity and dimensions of encoders")

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
        try:
            answer = self._client.ask(f"/{dimension}", body)
        except ScorerFailed as failure:
            raise Failed(str(failure)) from failure
        if "value" not in answer:
            raise Failed(f"an answer without a value: {str(answer)[:200]}")
        return answer["value"]


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _is_numbers(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(map(_is_number, values))
