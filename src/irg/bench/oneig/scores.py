"""OneIG's five dimensions from what was found of each picture, and the finer tables.

A prompt's score is a mean over its pictures, a dimension's a mean over the prompts that have one, whatever
class they are of. Facts of OneIG-Bench/OneIG-Benchmark (41b4983).
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

DIMENSIONS = ("alignment", "text", "reasoning", "style", "diversity")
TRADITIONAL = (
    *("abstract_expressionism", "art_nouveau", "baroque", "chinese_ink_painting", "cubism", "fauvism"),
    *("impressionism", "line_art", "minimalism", "pointillism", "pop_art", "rococo", "ukiyo-e"),
)
MEDIA = (*("clay", "crayon", "graffiti", "lego", "comic", "pencil_sketch", "stone_sculpture", "watercolor"),)
ANIME = ("celluloid", "chibi", "cyberpunk", "ghibli", "impasto", "pixar", "pixel_art", "3d_rendering")
STYLES = {"traditional": TRADITIONAL, "media": MEDIA, "anime": ANIME}


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that there are; None of none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def overall(dimensions: Mapping[str, float | None]) -> float | None:
    """The mean of all five. It is not in the official code, and follows from published rows."""
    values = [dimensions.get(name) for name in DIMENSIONS]
    return None if None in values else mean(values)


def style_of(label: str) -> str | None:
    """The style that an item's class names, as the references are named; None where it names none."""
    return label.lower().replace(" ", "_") or None


def nearness(embedding: np.ndarray, references: np.ndarray) -> list[float]:
    """How near an embedding [D] is to each of a style's references [R, D], all of unit length."""
    return [float(value) for value in references @ embedding]


def style_score(nearnesses: Iterable[Sequence[float]]) -> float:
    """How near a picture comes to the nearest reference by each encoder, at least 0; of encoders the mean."""
    nearest = [max(*values, 0.0) for values in nearnesses]
    return sum(nearest) / len(nearest)


def diversity_score(distances: Sequence[float]) -> float | None:
    """The mean distance of a prompt's pictures, pair by pair; None of fewer than two pictures."""
    return mean(distances)


def style_groups(styles: Mapping[str, float | None]) -> dict[str, float | None]:
    """The finer table of styles: a group has no value as soon as one of its styles has none."""
    groups = {}
    for group, names in STYLES.items():
        values = [styles.get(name) for name in names]
        groups[group] = None if None in values else mean(values)
    return groups
