"""Filtering record by record: length, template, language, pictures; and the hash that duplicates are found
by."""

import re
import unicodedata
from collections import Counter
from dataclasses import replace

from pydantic import Field, field_validator

from irg.core.settings import BaseSettings
from irg.curate.duplicates import perceptual_hash
from irg.curate.records import Reflection, Relation, TraceRecord
from irg.curate.select import HASH
from irg.stages.stage import EachRecord, Identity

NAME = "filter"
Words = tuple[int, int]
"""The fewest and the most words of a text."""


class FilterSettings(BaseSettings):
    """What every record has to fulfil by itself."""

    prompt: Words = (1, 1000)
    thought: Words = (3, 1000)
    reflection: Words = (5, 1500)
    parts: tuple[str, ...] = ("falls_short", "better")
    """Parts of the reflection that may not be empty."""
    forbidden: tuple[str, ...] = (r"\bas an ai\b", r"\bi('m| am) sorry\b", r"\bi can(no|')t\b", r"\{\w*\}")
    """Patterns that no thought or reflection may contain, in any case: refusals, unfilled templates."""
    repetition: float = Field(default=0.3, ge=0, le=1)
    """The largest share of a thought's or a reflection's runs of eight words that may have come before in
    it."""
    script: str | None = "LATIN"
    """The script of the letters, by its Unicode name; None for any."""
    script_share: float = Field(default=0.95, ge=0, le=1)
    """The smallest share of letters in that script."""
    min_side: int = Field(default=32, ge=1)
    """Pixels of a picture's shorter side."""

    @field_validator("prompt", "thought", "reflection")
    @classmethod
    def _is_range(cls, value: Words) -> Words:
        if not 0 <= value[0] <= value[1]:
            raise ValueError(f"{list(value)}: expected the fewest words and the most")
        return value

    @field_validator("parts")
    @classmethod
    def _are_parts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - set(Reflection.__dataclass_fields__):
            raise ValueError(
                f"{', '.join(sorted(unknown))}: expected of {', '.join(Reflection.__dataclass_fields__)}"
            )
        return value

    @field_validator("forbidden")
    @classmethod
    def _are_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as broken:
                raise ValueError(f"{pattern!r} is no pattern: {broken}") from broken
        return value


class Filter(EachRecord[TraceRecord]):
    """Rejects what does not fulfil the settings, by the first thing wrong; gives the rest its hash."""

    def __init__(self, settings: FilterSettings) -> None:
        self.settings = settings
        self.identity = Identity(NAME, 1, settings=settings.model_dump(mode="json"))
        self._forbidden = [re.compile(pattern, re.IGNORECASE) for pattern in settings.forbidden]

    def one(self, record: TraceRecord) -> TraceRecord:
        assert record.thought is not None and record.reflection is not None
        texts = {"prompt": record.prompt, "thought": record.thought, "reflection": record.reflection.text}
        record = record.scored({f"words of {name}": float(len(text.split())) for name, text in texts.items()})
        for name, text in texts.items():
            if problem := self._length(name, text) or self._language(name, text):
                return record.reject(NAME, *problem)
            if name != "prompt" and (problem := self._template(name, text)):
                return record.reject(NAME, *problem)
        for part in self.settings.parts:
            if not getattr(record.reflection, part).strip():
                return record.reject(NAME, "reflection lacks a part", part)
        return self._look(record)

    def _length(self, name: str, text: str) -> tuple[str, str] | None:
        fewest, most = getattr(self.settings, name)
        length = len(text.split())
        if length < fewest:
            return f"{name} too short", f"{length} words, expected at least {fewest}"
        if length > most:
            return f"{name} too long", f"{length} words, expected at most {most}"
        return None

    def _language(self, name: str, text: str) -> tuple[str, str] | None:
        script, letters = self.settings.script, [letter for letter in text if letter.isalpha()]
        if script is None or not letters:
            return None
        known = sum(unicodedata.name(letter, "").startswith(script) for letter in letters) / len(letters)
        if known >= self.settings.script_share:
            return None
        return f"{name} in another script", f"{known:.0%} of its letters are {script}"

    def _template(self, name: str, text: str) -> tuple[str, str] | None:
        for pattern in self._forbidden:
            if match := pattern.search(text):
                return f"{name} holds what it may not", repr(match.group())
        share = repetition(text)
        if share > self.settings.repetition:
            return f"{name} repeats itself", f"{share:.0%} of its runs of eight words"
        return None

    def _look(self, record: TraceRecord) -> TraceRecord:
        assert record.image1 is not None and record.image2 is not None
        try:
            images = [picture.open() for picture in (record.image1, record.image2)]
        except ValueError as broken:
            return record.reject(NAME, "broken picture", str(broken))
        side = min(min(image.size) for image in images)
        if side < self.settings.min_side:
            return record.reject(NAME, "picture too small", f"{side} pixels")
        if record.relation is Relation.BETTER and images[0].tobytes() == images[1].tobytes():
            return record.reject(NAME, "image 2 is image 1")
        hashes = {HASH: perceptual_hash(images[1])}
        return replace(record, fingerprints=record.fingerprints | hashes)


def repetition(text: str, length: int = 8) -> float:
    """The share of the text's runs of words that occur earlier in it."""
    words = text.lower().split()
    runs = Counter(tuple(words[start : start + length]) for start in range(len(words) - length + 1))
    total = sum(runs.values())
    return 1 - len(runs) / total if total else 0.0
