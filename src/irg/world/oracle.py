"""Reads a picture of the scene world back: what is where, and whether it is drawn well enough to be sure.

Strict on purpose: an object is clear only if one shape fits it well and no other nearly as well, so that a
model is not praised for squarish circles. What a reading means for a prompt is `judging`.
"""

import colorsys
from dataclasses import dataclass
from functools import cache

import numpy as np

from irg.world.blobs import Blob, find_background, find_blobs, has_colourless_thing
from irg.world.reading import ObjectReading, Reading
from irg.world.render import PALETTE
from irg.world.scene import IMAGE_SIZE, MAX_OBJECTS, Colour, Pose, SceneObject, Shape, Size, Zone
from irg.world.shapes import signed_distance

Array = np.ndarray

MIN_OVERLAP = 0.85
MIN_MARGIN = 0.04
MAX_MISFIT_RATIO = 0.4  # of the best shape's misfit (1 - overlap) to the runner-up's
MIN_RADIUS, SIZE_BORDER, MAX_RADIUS = 12.0, 16.75, 22.5
MAX_LOOSE = 0.5  # faint or discoloured surroundings, relative to the object, that a clean one may have
_GRID = 48  # shapes are compared on a grid of this many points a side...
_HALF_SIDE = 0.95  # ...that reaches this far from the centroid, in units of the square root of the area
_ANGLES = tuple(range(-14, 15, 2))


def read(image: Array) -> Reading:
    """What is in a picture (uint8, 128 x 128 x 3)."""
    if image.shape != (IMAGE_SIZE, IMAGE_SIZE, 3) or image.dtype != np.uint8:
        raise ValueError(f"the oracle reads uint8 (128, 128, 3), not {image.dtype} {image.shape}")
    pixels = image.astype(np.float32)
    background = find_background(pixels)
    blobs, spanning = find_blobs(pixels, background)
    spoiled = {id(blob) for group in spanning for blob in group}
    objects = [_read_blob(blob, spoiled=id(blob) in spoiled) for blob in blobs]
    objects.sort(key=lambda seen: tuple(Zone).index(seen.thing.zone))
    zones = [seen.thing.zone for seen in objects]
    problems = [
        f"one blob spans {' and '.join(_zone_of(blob).value for blob in group)}" for group in spanning
    ]
    problems += [f"{zones.count(zone)} objects share {zone}" for zone in Zone if zones.count(zone) > 1]
    if has_colourless_thing(pixels, background):
        problems.append("something without colour is in the picture")
    if len(objects) > MAX_OBJECTS:
        problems.append(f"{len(objects)} objects are more than {MAX_OBJECTS}")
    return Reading(tuple(objects), background, tuple(problems))


@dataclass(frozen=True)
class _Template:
    """A clean shape on the comparison grid, and how its centroid and area relate to its pose."""

    shape: Shape
    angle: float
    mask: Array
    area: float  # at radius 1
    offset: tuple[float, float]  # centroid minus centre at radius 1


def _read_blob(blob: Blob, spoiled: bool) -> ObjectReading:
    templates, masks = _templates()
    overlaps = _overlaps(_normalised(blob), masks)
    best = int(overlaps.argmax())
    template = templates[best]
    rivals = [index for index, other in enumerate(templates) if other.shape is not template.shape]
    runner_up = float(overlaps[rivals].max())
    radius = (blob.area / template.area) ** 0.5
    x, y = blob.centre
    pose = Pose(x - radius * template.offset[0], y - radius * template.offset[1], radius, template.angle)
    size = Size.SMALL if radius < SIZE_BORDER else Size.LARGE
    clear = (
        not spoiled
        and overlaps[best] >= MIN_OVERLAP
        and overlaps[best] - runner_up >= MIN_MARGIN
        and 1 - overlaps[best] <= MAX_MISFIT_RATIO * (1 - runner_up)
        and MIN_RADIUS <= radius <= MAX_RADIUS
        and blob.loose <= MAX_LOOSE
    )
    thing = SceneObject(template.shape, _colour_of(blob.colour), size, _zone_of(blob), pose)
    return ObjectReading(thing, bool(clear), float(overlaps[best]))


def _zone_of(blob: Blob) -> Zone:
    x, y = blob.centre
    return Zone.at(min(int(3 * y / IMAGE_SIZE), 2), min(int(3 * x / IMAGE_SIZE), 2))


def _colour_of(rgb: Array) -> Colour:
    point = _hue_point(rgb)
    return min(Colour, key=lambda colour: float(np.square(point - _palette_points()[colour]).sum()))


@cache
def _palette_points() -> dict[Colour, Array]:
    return {
        colour: _hue_point(0.6 * np.array(lit) + 0.4 * np.array(shade))
        for colour, (lit, shade) in PALETTE.items()
    }


def _hue_point(rgb: Array) -> Array:
    """A colour as a point, such that distances are mostly those of hues and not of brightness."""
    hue, saturation, _ = colorsys.rgb_to_hsv(*(float(level) / 255 for level in rgb))
    angle = 2 * np.pi * hue
    return np.array([np.cos(angle), np.sin(angle), 0.3 * saturation])


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
    templates = tuple(_template(shape, angle) for shape in Shape for angle in _ANGLES)
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
