"""Boxes of GenEval: where one lies as seen from another, and how much two overlap. In float32, as detectors
give them.
"""

import numpy as np

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""
_NOWHERE = 1e-3
"""An offset of less is none."""
_CLEARLY = 0.5
"""The part of the offset that one direction has to make up."""


def relations(box: Box, other: Box, slack: float) -> list[str]:
    """Where `box` is, seen from `other`: left of or right of, above or below, one of each or none.

    Each side of the offset between the centres is shortened by `slack` times both boxes' extent, and then
    compared with the length of the whole offset.
    """
    corners_B22 = np.asarray((box, other), dtype=np.float32).reshape(2, 2, 2)
    here, there = corners_B22.mean(axis=1)
    extents = np.abs(corners_B22[:, 1] - corners_B22[:, 0]).sum(axis=0)
    offset = here - there
    shortened = np.maximum(np.abs(offset) - np.float32(slack) * extents, 0) * np.sign(offset)
    if np.all(np.abs(shortened) < _NOWHERE):
        return []
    across, down = shortened / np.linalg.norm(offset)
    found = {"left of": -across, "right of": across, "above": -down, "below": down}
    return [name for name, share in found.items() if share > _CLEARLY]


def overlap(box: Box, other: Box) -> float:
    """The common area over that of both together; a box includes the pixels at its right and bottom."""
    first, second = np.asarray(box, dtype=np.float32), np.asarray(other, dtype=np.float32)
    common = _area(np.concatenate([np.maximum(first, second)[:2], np.minimum(first, second)[2:]]))
    together = _area(first) + _area(second) - common
    return float(common / together) if together else 0.0


def _area(box: np.ndarray) -> np.float32:
    width, height = np.maximum(box[2:] - box[:2] + 1, 0)
    return width * height
