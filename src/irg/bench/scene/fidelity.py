"""Fidelity: how well a picture of the scene world is drawn, whatever was asked for.

The oracle reads what the picture shows; a perfect picture of that is rendered, every object in the pose that
was read; and the two are compared. So fidelity says nothing of right or wrong objects (the verdict does), and
all about crisp outlines, clean shapes, shading, colours and calm backgrounds. Four parts, each in [0, 1]:

- `edges`: likeness of colour gradients in a band along the outlines, (2 g.h + c) / (g.g + h.h + c) per pixel
  over both directions and all channels, as gradient similarity measures have it;
- `shading`: likeness of local contrast and structure inside the objects, SSIM's second factor, per pixel;
- `colour`: 1 / (1 + e / c), e the mean squared colour difference inside the objects;
- `background`: the same outside, more strictly, shadows included.

The score is their mean. A picture that shows no object has none of the first three.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from irg.bench.store import Rounded
from irg.world import Reading, Scene, read, render
from irg.world.shapes import signed_distance

Array = np.ndarray

_BAND = 3.0  # pixels on each side of an outline that count as edge
_INSIDE = 1.5  # pixels inside the outline where an object's own colours begin
_EDGE_CONSTANT = 300.0  # squared levels per pixel, over all channels: fainter gradients matter little
_STRUCTURE_CONSTANT = (0.03 * 255) ** 2  # SSIM's second constant
_COLOUR_TOLERANCE, _BACKGROUND_TOLERANCE = 20.0, 8.0  # levels of error that halve the part
_WINDOW = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))  # SSIM's Gaussian


@dataclass(frozen=True)
class Fidelity:
    """The parts of a picture's fidelity, each in [0, 1], 1 for a perfect rendering."""

    edges: Rounded
    shading: Rounded
    colour: Rounded
    background: Rounded

    @property
    def score(self) -> float:
        return float(np.mean([getattr(self, part.name) for part in fields(self)]))


def fidelity(image: Array, reading: Reading | None = None) -> Fidelity:
    """How well a picture (uint8, 128 x 128 x 3) is drawn; its reading saves time where it is known."""
    reading = reading or read(image)
    shown = Scene(tuple(seen.thing for seen in reading.objects), reading.background)
    picture, perfect = image.astype(np.float32), render(shown).astype(np.float32)
    distance = _distance_to_objects(shown, image.shape[:2])
    outside = distance > _BAND
    background = _likeness(picture, perfect, outside, _BACKGROUND_TOLERANCE) if outside.any() else 0.0
    if not shown.objects:
        return Fidelity(0.0, 0.0, 0.0, background)
    inside = distance < -_INSIDE
    return Fidelity(
        _edges(picture, perfect, np.abs(distance) <= _BAND),
        _shading(picture, perfect, inside),
        _likeness(picture, perfect, inside, _COLOUR_TOLERANCE),
        background,
    )


def _distance_to_objects(scene: Scene, shape: tuple[int, ...]) -> Array:
    """Each pixel centre's signed distance to the nearest outline, negative inside; far without objects."""
    rows, columns = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1])[None, :] + 0.5
    nearest = np.full(shape, np.inf)
    for thing in scene.objects:
        pose = thing.pose
        assert pose is not None, "whatever is read has a pose"
        x, y = columns - pose.x, rows - pose.y
        nearest = np.minimum(nearest, signed_distance(thing.shape, x, y, pose.radius, pose.angle))
    return nearest


def _likeness(picture: Array, perfect: Array, where: Array, tolerance: float) -> float:
    if not where.any():
        return 0.0  # too small to have an inside
    error = float(np.square(picture[where] - perfect[where]).mean())
    return 1 / (1 + error / tolerance**2)


def _edges(picture: Array, perfect: Array, band: Array) -> float:
    drawn, wanted = _gradients(picture)[:, band], _gradients(perfect)[:, band]
    together = (drawn * wanted).sum(axis=(0, 2))
    each = np.square(drawn).sum(axis=(0, 2)) + np.square(wanted).sum(axis=(0, 2))
    likeness = (2 * together + _EDGE_CONSTANT) / (each + _EDGE_CONSTANT)
    return float(np.clip(likeness, 0, 1).mean())


def _gradients(pixels: Array) -> Array:
    """[2, height, width, channels]: central differences smoothed across (Prewitt), in levels per pixel."""
    wide = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    right = (wide[:, 2:] - wide[:, :-2]) / 2
    down = (wide[2:] - wide[:-2]) / 2
    return np.stack(
        [
            (right[:-2] + right[1:-1] + right[2:]) / 3,
            (down[:, :-2] + down[:, 1:-1] + down[:, 2:]) / 3,
        ]
    )


def _shading(picture: Array, perfect: Array, inside: Array) -> float:
    """SSIM's contrast and structure of brightness, from windows that see only the objects' insides."""
    if not inside.any():
        return 0.0
    weight = _blurred(inside.astype(np.float64))
    first = np.where(inside, picture.mean(axis=-1, dtype=np.float64), 0)
    second = np.where(inside, perfect.mean(axis=-1, dtype=np.float64), 0)

    def mean(values: Array) -> Array:
        return _blurred(values)[inside] / weight[inside]

    mean_first, mean_second = mean(first), mean(second)
    covariance = mean(first * second) - mean_first * mean_second
    variances = mean(first * first) - mean_first**2 + mean(second * second) - mean_second**2
    likeness = (2 * covariance + _STRUCTURE_CONSTANT) / (variances + _STRUCTURE_CONSTANT)
    return float(np.clip(likeness, 0, 1).mean())


def _blurred(values: Array) -> Array:
    """The weighted sum over a Gaussian window around each pixel, nothing beyond the borders."""
    reach = len(_WINDOW) // 2
    across = sliding_window_view(np.pad(values, reach), len(_WINDOW), axis=1) @ _WINDOW
    return sliding_window_view(across, len(_WINDOW), axis=0) @ _WINDOW
