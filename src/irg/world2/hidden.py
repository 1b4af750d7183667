"""Which shape lies behind another: the one that explains what is seen of it best.

Candidates are moved over the picture at half its resolution, all places at once by Fourier transforms; the
best of each shape is then fitted exactly. Pixels that the front object covers count neither for nor against.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from irg.world2.blobs import grown
from irg.world2.overlap import COVERABLE
from irg.world2.scene import Pose, Shape
from irg.world2.shapes import distance_to, signed_distance
from irg.world2.templates import Fit

Array = np.ndarray

_SIDE = 48  # cells of 2 px; the widest clump of two objects is about 76 px wide, templates 46
_RADII = (12.6, 13.4, 17.6, 18.6)
_ANGLES = (-9.0, -3.0, 3.0, 9.0)
_MIN_HIDDEN, _MAX_HIDDEN = 0.12, 0.60
_NUM_REFINED = 3
_FIRST_STEPS = Pose(1.0, 1.0, 0.5, 4.0)
_SHAPES = tuple(shape for shape in Shape if shape in COVERABLE)


def fit_hidden(seen: Array, front: Array, top: int, left: int) -> Fit | None:
    """The best shape for the visible pixels of what lies behind the front's, both masks of one window.

    None if no shape fits that would reach behind the front at all.
    """
    veiled = grown(front)  # at the border, hues mix
    visible = seen & ~veiled
    candidates = _coarse(visible, veiled)
    if not candidates:
        return None
    refined = sorted(
        (_refined(shape, pose, visible, veiled) for shape, pose in candidates), key=lambda found: -found[2]
    )
    shape, pose, overlap = refined[0]
    runner_up = max([score for other, _, score in refined if other is not shape], default=0.0)
    return Fit(shape, replace(pose, x=pose.x + left, y=pose.y + top), overlap, runner_up)


def _coarse(visible: Array, veiled: Array) -> list[tuple[Shape, Pose]]:
    """A rough pose for each of the shapes that fit best."""
    visible_spectrum, veiled_spectrum = (np.fft.rfft2(_halved(mask)) for mask in (visible, veiled))
    spectra, areas = _spectra()
    size = (_SIDE, _SIDE)
    shared = np.fft.irfft2(spectra * visible_spectrum, s=size)
    hidden = np.fft.irfft2(spectra * veiled_spectrum, s=size)
    scores = shared / (areas[:, None, None] - hidden + float(visible.sum()) / 4 - shared + 1e-3)
    share = hidden / areas[:, None, None]
    scores[(share < _MIN_HIDDEN) | (share > _MAX_HIDDEN)] = 0
    per_template = scores.reshape(len(areas), -1)
    best_places, best_scores = per_template.argmax(axis=1), per_template.max(axis=1)
    found: list[tuple[float, Shape, Pose]] = []
    per_shape = len(_RADII) * len(_ANGLES)
    for number, shape in enumerate(_SHAPES):
        index = number * per_shape + int(best_scores[number * per_shape : (number + 1) * per_shape].argmax())
        row, column = divmod(int(best_places[index]), _SIDE)
        radius, angle = _variants()[index % per_shape]
        # Places past the half of the side are negative: a centre may lie above or left of the window.
        x, y = (2.0 * (place - _SIDE if place > _SIDE - 6 else place) for place in (column, row))
        found.append((float(best_scores[index]), shape, Pose(x + 1, y + 1, radius, angle)))
    found.sort(key=lambda one: -one[0])
    return [(shape, pose) for score, shape, pose in found[:_NUM_REFINED] if score > 0.4]


def _refined(shape: Shape, pose: Pose, visible: Array, veiled: Array) -> tuple[Shape, Pose, float]:
    """The pose with the greatest overlap near this one, by steps along one of its values at a time."""
    height, width = visible.shape
    x, y = np.arange(width)[None, :] + 0.5, np.arange(height)[:, None] + 0.5
    bare = ~veiled
    num_visible = float(visible.sum())

    def overlap(candidate: Pose) -> float:
        inside = np.clip(0.5 - distance_to(shape, candidate, x, y), 0, 1)
        shared = float(inside[visible].sum())
        return shared / (float(inside[bare].sum()) + num_visible - shared)

    best = overlap(pose)
    steps = {name: getattr(_FIRST_STEPS, name) for name in ("x", "y", "radius", "angle")}
    for _ in range(3):
        for name, step in steps.items():
            for change in (-step, step):
                moved = replace(pose, **{name: getattr(pose, name) + change})
                if (score := overlap(moved)) > best:
                    pose, best = moved, score
                    break
        steps = {name: 0.6 * step for name, step in steps.items()}
    return shape, pose, best


def _halved(mask: Array) -> Array:
    """A mask at half its resolution, in a square of `_SIDE` cells, cut off beyond."""
    square = np.zeros((2 * _SIDE, 2 * _SIDE), np.float32)
    part = mask[: 2 * _SIDE, : 2 * _SIDE]
    square[: part.shape[0], : part.shape[1]] = part
    return square.reshape(_SIDE, 2, _SIDE, 2).mean(axis=(1, 3))


def _variants() -> tuple[tuple[float, float], ...]:
    return tuple((radius, angle) for radius in _RADII for angle in _ANGLES)


@cache
def _spectra() -> tuple[Array, Array]:
    """Conjugate spectra of all templates about cell (0, 0), shape by shape, and their areas in cells."""
    cells = np.fft.fftfreq(_SIDE, 1 / _SIDE)
    templates = []
    for shape in _SHAPES:
        for radius, angle in _variants():
            distance = signed_distance(shape, cells[None, :], cells[:, None], radius / 2, angle)
            templates.append(np.clip(0.5 - distance, 0, 1))
    stacked = np.stack(templates)
    return np.conj(np.fft.rfft2(stacked)), stacked.sum(axis=(1, 2))
