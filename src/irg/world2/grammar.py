"""Prompts by split: random requests with their texts, and prompts written by hand."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib.resources import files

from numpy.random import Generator

from irg.world2.families import Family, infer_family
from irg.world2.request import Request, requires_held_out
from irg.world2.sampling import sample_challenge, sample_request
from irg.world2.wording import phrase


class Split(StrEnum):
    """Texts to train on, texts never trained on, and requests for what was never trained on.

    Those are combinations of attributes and counts that training never shows, and challenges, in which kinds
    of constraints meet that never do in training.
    """

    TRAIN = "train"
    HELD_OUT = "held_out"
    COMBINATIONS = "combinations"
    CHALLENGE = "challenge"


COMBINATION_FAMILIES = (
    Family.COUNTING,
    Family.COLORS,
    Family.ATTRIBUTION,
    Family.TEXTURE,
    Family.COMPOUND,
)


def sample_prompt(rng: Generator, family: Family, split: Split) -> tuple[Request, str]:
    """A random request of a family, and a text for it that belongs to the split."""
    if split is Split.COMBINATIONS and family not in COMBINATION_FAMILIES:
        raise ValueError(f"a {family.value!r} prompt cannot require a held-out combination")
    if split is Split.CHALLENGE and family is not Family.COMPOUND:
        raise ValueError(f"a challenge is a compound, not a {family.value!r} prompt")
    while True:
        request = sample_challenge(rng) if split is Split.CHALLENGE else sample_request(rng, family)
        if split is Split.CHALLENGE and infer_family(request) is family:
            return request, phrase(request, rng)
        if requires_held_out(request) != (split is Split.COMBINATIONS):
            continue
        text = phrase(request, rng)
        if split is Split.COMBINATIONS or is_held_out_text(text) == (split is Split.HELD_OUT):
            return request, text


def is_held_out_text(text: str) -> bool:
    """One text in eight and all that were written by hand, whatever its case and final full stop."""
    plain = text.lower().rstrip(".")
    return int(sha256(plain.encode()).hexdigest(), 16) % 8 == 0 or plain in _handwritten_texts()


def handwritten_prompts() -> tuple[str, ...]:
    """Prompts of all kinds that no generator made, in the order of their file."""
    text = files("irg.world2").joinpath("prompts.txt").read_text(encoding="utf-8")
    return tuple(line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#"))


@cache
def _handwritten_texts() -> frozenset[str]:
    return frozenset(prompt.lower().rstrip(".") for prompt in handwritten_prompts())
