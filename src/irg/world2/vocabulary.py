"""The words of the world: all of them, and texts of every kind to train a tokenizer on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from numpy.random import Generator

from irg.world2.check import MISSING, RIGHT, WRONG, check_text
from irg.world2.edits import perturb, sample_edit
from irg.world2.families import Family
from irg.world2.fulfil import fulfil, random_scene
from irg.world2.grammar import Split, sample_prompt
from irg.world2.inventory import NOTHING, UNCLEAR, seen_text, take_inventory
from irg.world2.lessons import questions
from irg.world2.plan import ORDINALS, Half, plan_of, plan_text
from irg.world2.reading import clear_reading
from irg.world2.sampling import sample_challenge
from irg.world2.scene import SHAPES, Background, Colour, Size, Texture, Zone, pick
from irg.world2.verdict import repair
from irg.world2.wording import (
    ANYTHING,
    NUMBER_WORDS,
    PREFIXES,
    RELATION_PHRASES,
    SIZE_WORDS,
    phrase,
)

_COMPARING = "more fewer than as many the same number of and with no without ones a an"
_ASKING = "what is in the picture where how many are there color texture size shape around yes no"
_EDITING = "add remove make move turn into to"
_LABELS = "Plan Seen Extra Better on"
_MARKS = (",", ".", ":", "?")


def words_in(text: str) -> list[str]:
    """A text's words and marks, each of them one token of a vocabulary of words."""
    return re.findall(r"[\w-]+|[^\w\s]", text)


def vocabulary() -> tuple[str, ...]:
    """Every word and mark that the world's texts are made of, in alphabetical order."""
    said = [*Colour, *Texture, *Size, *Background, *Zone, *Half, *NUMBER_WORDS, *ORDINALS, *PREFIXES]
    said += [shape for shape in SHAPES] + [shape.plural for shape in SHAPES] + [ANYTHING, f"{ANYTHING}s"]
    said += [text for texts in (*RELATION_PHRASES.values(), *SIZE_WORDS.values()) for text in texts]
    said += [NOTHING, UNCLEAR, RIGHT, WRONG, MISSING, _COMPARING, _ASKING, _EDITING, _LABELS]
    words = {word for text in said for word in text.split()}
    # A prompt may begin with a capital, and counts may be digits.
    starts = [
        *(prefix.split()[0] for prefix in PREFIXES),
        *NUMBER_WORDS[1:],
        "a",
        "an",
        "more",
        "fewer",
        "as",
        "the",
    ]
    words |= {word.capitalize() for word in starts} | {str(number) for number in range(2, len(NUMBER_WORDS))}
    return tuple(sorted(words | set(_MARKS)))


def vocabulary_lessons(rng: Generator, number: int) -> Iterator[str]:
    """So many texts, of every kind in turn, to train a tokenizer on."""
    num_made = 0
    while num_made < number:
        for text in _one_of_each(rng)[: number - num_made]:
            num_made += 1
            yield text


def _one_of_each(rng: Generator) -> list[str]:
    texts = [sample_prompt(rng, family, Split.TRAIN)[1] for family in Family]
    texts.append(phrase(sample_challenge(rng), rng))
    request, _ = sample_prompt(rng, pick(tuple(Family), rng), Split.TRAIN)
    scene = fulfil(request, rng)
    seen = clear_reading(perturb(scene, rng))
    doubted = tuple(replace(one, clear=bool(rng.random() < 0.8)) for one in seen.objects)
    texts += [plan_text(plan_of(request, scene)), seen_text(take_inventory(scene))]
    texts += [
        check_text(repair(request, reading, rng)[1]) for reading in (seen, replace(seen, objects=doubted))
    ]
    other = random_scene(rng)
    texts += [text for lesson in questions(other, rng) for text in lesson]
    texts.append(sample_edit(other, rng)[0])
    return texts
