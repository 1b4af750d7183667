"""Reads a picture of the scene world back: what is where, and whether it is drawn well enough to be sure.

Strict on purpose: an object is clear only if one shape fits it well and no other nearly as well, so that a
model is not praised for squarish circles. What a reading means for a request is `verdict`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from irg.world2.blobs import Blob, filled, find_background, find_blobs, grown, has_colourless_thing
from irg.world2.hidden import fit_hidden
from irg.world2.reading import ObjectReading, Reading
from irg.world2.scene import IMAGE_SIZE, MAX_OBJECTS, Looks, Pose, SceneObject, Shape, Size
from irg.world2.templates import Fit, best_fit
from irg.world2.textures import TextureFit, read_texture

Array = np.ndarray

MIN_OVERLAP, MIN_RING_OVERLAP = 0.82, 0.72  # the band of a ring is thin, so that little blur costs much
MIN_MARGIN = 0.04
# Of the best shape's misfit (1 - overlap) to the runner-up's; of small objects, pixels leave more in doubt.
MAX_MISFIT_RATIO, MAX_SMALL_MISFIT_RATIO, MAX_SMALL_RING_MISFIT_RATIO = 0.35, 0.48, 0.66
MAX_HIDDEN_MISFIT_RATIO = 0.65
MIN_HIDDEN_OVERLAP, MIN_HIDDEN_MARGIN = 0.80, 0.02  # of what is partly hidden
MIN_RADIUS, MAX_RADIUS = 7.4, 21.5
SIZE_BORDERS = (11.0, 15.5)
MAX_LOOSE = 0.6  # faint or discoloured surroundings, relative to the object, that a clean one may have
_MAX_CLUMP = 5  # blobs that touch; more are no objects of this world
_ENCLOSED = 0.9  # share of a blob's surroundings that belongs to what it lies inside


def read(image: Array) -> Reading:
    """What is in a picture (uint8, 128 x 128 x 3): its largest objects, of more than a scene can have."""
    if image.shape != (IMAGE_SIZE, IMAGE_SIZE, 3) or image.dtype != np.uint8:
        raise ValueError(f"the oracle reads uint8 (128, 128, 3), not {image.dtype} {image.shape}")
    pixels = image.astype(np.float32)
    background = find_background(pixels)
    blobs = find_blobs(pixels, background)
    sightings: list[_Sighting] = []
    for _, clump in groupby(blobs, key=lambda blob: blob.clump):
        sightings += _sightings(tuple(clump))
    largest = sorted(sightings, key=lambda seen: -seen.blob.area)[:MAX_OBJECTS]
    objects = tuple(_object_reading(seen, pixels) for seen in largest)
    problems = []
    if has_colourless_thing(pixels, background):
        problems.append("something without colour is in the picture")
    if len(sightings) > MAX_OBJECTS:
        problems.append(f"{len(sightings)} objects are more than {MAX_OBJECTS}")
    return Reading(objects, background, tuple(problems))


@dataclass(frozen=True, eq=False)
class _Sighting:
    """A blob and the shape that it is, or that lies partly hidden behind another blob."""

    blob: Blob
    fit: Fit
    layer: int = 0
    hidden: bool = False


def _sightings(clump: tuple[Blob, ...]) -> list[_Sighting]:
    """What the blobs of a clump are: each an object by itself, or some that lie on others."""
    if len(clump) == 1 or len(clump) > _MAX_CLUMP:
        return [_Sighting(blob, best_fit(blob)) for blob in clump]
    blobs = _joined_pieces(clump)
    whole = [_Sighting(blob, best_fit(blob)) for blob in blobs]
    done: list[_Sighting] = []
    while whole:
        # What is whole lies in front of what is not.
        upper = max(whole, key=lambda seen: seen.fit.overlap)
        whole.remove(upper)
        neighbours = [lower for lower in whole if _touch(upper.blob, lower.blob)]
        for lower in neighbours:
            below = _inside(upper.blob, lower.blob) or _behind(upper.blob, lower)
            if below is not None:
                whole.remove(lower)
                done.append(below)
                upper = replace(upper, layer=1)
        done.append(upper)
    return done


def _joined_pieces(clump: tuple[Blob, ...]) -> list[Blob]:
    """The blobs of a clump, those pieces of one colour as one that what is in front has cut apart."""
    rest, joined = list(clump), []
    while rest:
        first = rest.pop(0)
        for other in tuple(rest):
            between = any(
                _touch(front, first) and _touch(front, other)
                for front in clump
                if front.colour is not first.colour
            )
            if other.colour is first.colour and between:
                rest.remove(other)
                first = replace(first, coverage=np.maximum(first.coverage, other.coverage))
        joined.append(first)
    return joined


def _touch(first: Blob, second: Blob) -> bool:
    return int((grown(grown(first.mask)) & second.mask).sum()) >= 4


def _inside(upper: Blob, lower: Blob) -> _Sighting | None:
    """The lower blob as a whole, if the upper one lies inside it."""
    around = grown(grown(upper.mask)) & ~grown(upper.mask)
    if float((around & lower.mask).sum()) < _ENCLOSED * float(around.sum()):
        return None
    hole = filled(lower.mask | upper.mask)
    whole = replace(lower, coverage=np.where(hole & ~lower.mask, 1, lower.coverage).astype(np.float32))
    return _Sighting(lower, best_fit(whole))


def _behind(upper: Blob, lower: _Sighting) -> _Sighting | None:
    """The lower blob as an object that the upper one partly hides, if that explains it better."""
    fit = fit_hidden(lower.blob.mask, upper.mask, upper.top, upper.left)
    if fit is None or fit.overlap < lower.fit.overlap + 0.01:
        return None
    return _Sighting(lower.blob, fit, hidden=True)


def _object_reading(seen: _Sighting, pixels: Array) -> ObjectReading:
    fit = seen.fit
    texture = read_texture(seen.blob, pixels)
    kind = Looks(fit.shape, seen.blob.colour, texture.texture, _size_of(fit.pose.radius))
    thing = SceneObject(kind, replace(fit.pose, layer=seen.layer))
    return ObjectReading(thing, _is_clear(seen, texture), fit.overlap)


def _is_clear(seen: _Sighting, texture: TextureFit) -> bool:
    fit = seen.fit
    overlap, margin, ratio = _demands(seen)
    return bool(
        fit.overlap >= overlap
        and fit.overlap - fit.runner_up >= margin
        and 1 - fit.overlap <= ratio * (1 - fit.runner_up)
        and MIN_RADIUS <= fit.pose.radius <= MAX_RADIUS
        and seen.blob.loose <= MAX_LOOSE
        and texture.clear
        and _is_in_picture(fit.pose)
    )


def _demands(seen: _Sighting) -> tuple[float, float, float]:
    """The least overlap and margin, and the greatest ratio of misfits, of a shape that leaves no doubt."""
    if seen.hidden:
        return MIN_HIDDEN_OVERLAP, MIN_HIDDEN_MARGIN, MAX_HIDDEN_MISFIT_RATIO
    is_ring, is_small = seen.fit.shape is Shape.RING, _size_of(seen.fit.pose.radius) is Size.SMALL
    ratio = MAX_SMALL_MISFIT_RATIO if is_small else MAX_MISFIT_RATIO
    if is_ring and is_small:
        ratio = MAX_SMALL_RING_MISFIT_RATIO
    return (MIN_RING_OVERLAP if is_ring else MIN_OVERLAP), MIN_MARGIN, ratio


def _is_in_picture(pose: Pose) -> bool:
    return 0 <= pose.x < IMAGE_SIZE and 0 <= pose.y < IMAGE_SIZE


def _size_of(radius: float) -> Size:
    return tuple(Size)[sum(radius >= border for border in SIZE_BORDERS)]
