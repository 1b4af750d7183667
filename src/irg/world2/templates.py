"""Which clean shape a region is: the best of templates of every shape at many angles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from irg.world2.blobs import Blob
from irg.world2.scene import SHAPES, Pose, Shape
from irg.world2.shapes import signed_distance

Array = np.ndarray

_GRID = 48  # shapes are compared on a grid of this many points a side...
_HALF_SIDE = 1.0  # ...that reaches this far from the centroid, in units of the square root of the area
_ANGLES = tuple(range(-16, 17, 2))


@dataclass(frozen=True)
class Fit:
    """The best shape for a region, where it would be, and the share of the union that both cover."""

    shape: Shape
    pose: Pose
    overlap: float
    runner_up: float


def best_fit(blob: Blob) -> Fit:
    """The whole shape that a blob is most like."""
    templates, masks = _templates()
    overlaps = _overlaps(_normalised(blob), masks)
    by_shape = overlaps.reshape(len(SHAPES), len(_ANGLES)).max(axis=1)
    best = int(overlaps.argmax())
    template = templates[best]
    runner_up = float(np.delete(by_shape, SHAPES.index(template.shape)).max())
    radius = (blob.area / template.area) ** 0.5
    x, y = blob.centre
    pose = Pose(x - radius * template.offset[0], y - radius * template.offset[1], radius, template.angle)
    return Fit(template.shape, pose, float(overlaps[best]), runner_up)


@dataclass(frozen=True, eq=False)
class _Template:
    """A clean shape on the comparison grid, and how its centroid and area relate to its pose."""

    shape: Shape
    angle: float
    mask: Array
    area: float  # at radius 1
    offset: tuple[float, float]  # centroid minus centre at radius 1


def _normalised(blob: Blob) -> Array:
    """The blob's coverage on the comparison grid: moved to its centroid, scaled to unit area, flattened."""
    padded = np.pad(blob.coverage, 1)
    x, y = blob.centre
    steps = _grid_steps() * blob.area**0.5
    columns, right = _interpolation(steps + (x - blob.left + 0.5), padded.shape[1])
    rows, below = _interpolation(steps + (y - blob.top + 0.5), padded.shape[0])
    upper, lower = padded[rows], padded[rows + 1]
    rows_mixed = upper + below[:, None] * (lower - upper)
    start, end = rows_mixed[:, columns], rows_mixed[:, columns + 1]
    return ((start + right * (end - start)) > 0.5).astype(np.float32).ravel()


def _interpolation(places: Array, length: int) -> tuple[Array, Array]:
    """Index and weight for linear interpolation between padded samples, where sample i lies at place i."""
    places = np.clip(places, 0, length - 1.001)
    indices = places.astype(np.int64)
    return indices, (places - indices).astype(np.float32)


def _grid_steps() -> Array:
    return ((np.arange(_GRID) + 0.5) / _GRID * 2 - 1) * _HALF_SIDE


def _overlaps(mask: Array, masks: Array) -> Array:
    """Intersection over union with every template."""
    shared = masks @ mask
    return shared / (masks.sum(axis=1) + mask.sum() - shared)


@cache
def _templates() -> tuple[tuple[_Template, ...], Array]:
    templates = tuple(_template(shape, angle) for shape in SHAPES for angle in _ANGLES)
    return templates, np.stack([template.mask for template in templates])


def _template(shape: Shape, angle: float) -> _Template:
    fine, spacing = np.linspace(-1.3, 1.3, 261, retstep=True)
    inside = signed_distance(shape, fine[None, :], fine[:, None], 1.0, angle) < 0
    rows, columns = np.nonzero(inside)
    area = float(inside.sum() * spacing**2)
    offset = float(fine[columns].mean()), float(fine[rows].mean())
    steps = _grid_steps() * area**0.5
    distance = signed_distance(shape, steps[None, :] + offset[0], steps[:, None] + offset[1], 1.0, angle)
    return _Template(shape, float(angle), (distance < 0).astype(np.float32).ravel(), area, offset)
