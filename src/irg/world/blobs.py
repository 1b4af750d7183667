"""Finding objects in a picture: connected regions that are more colourful than the background."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from irg.world.render import BACKDROPS
from irg.world.scene import IMAGE_SIZE, Background

Array = np.ndarray

MIN_PIXELS = 40  # less is a speck, of which an autoencoder may leave a few
_MIN_CHROMA = 30.0  # distance from the background's hue, in levels, at which an object may begin
_COVER = 0.45  # share of its own typical chroma above which a pixel belongs to an object
_THIRDS = np.full(3, 1 / 3, dtype=np.float32)
_CELL_EDGES = (43, 85)  # first columns (or rows) of the second and third zone
_MAX_BRIDGE = 6  # pixels that two blurred neighbours may share across a zone's border without being one


@dataclass(frozen=True)
class Blob:
    """A region: where its window begins, how far it covers each pixel there, and its typical colour."""

    top: int
    left: int
    coverage: Array
    colour: Array
    loose: float  # size of its faint or discoloured surroundings, relative to its own

    @property
    def area(self) -> float:
        return float(self.coverage.sum())

    @property
    def centre(self) -> tuple[float, float]:
        """x and y of the centroid, in pixels."""
        height, width = self.coverage.shape
        x = float(self.coverage.sum(axis=0) @ np.arange(width)) / self.area
        y = float(self.coverage.sum(axis=1) @ np.arange(height)) / self.area
        return self.left + x + 0.5, self.top + y + 0.5


def find_background(pixels: Array) -> Background:
    """The background whose colours are nearest to those of the pale pixels."""
    sample = pixels[1::3, 1::3].reshape(-1, 3)
    pale = sample[np.ptp(sample, axis=-1) < 60]
    typical = np.median(pale if len(pale) else sample, axis=0)
    # Shadows and a picture's own brightness matter little, the tint much.
    means = {background: np.mean(BACKDROPS[background], axis=0) for background in Background}
    return min(means, key=lambda background: _mismatch(typical, means[background]))


def find_blobs(pixels: Array, background: Background) -> tuple[list[Blob], list[tuple[Blob, ...]]]:
    """The blobs of a picture, and those groups of them that are one region across several zones."""
    tints = _tints_from(pixels, background)
    distance = np.sqrt(np.square(tints) @ np.ones(3, np.float32))
    labels, num_labels = label(distance > _MIN_CHROMA)
    blobs: list[Blob] = []
    spanning: list[tuple[Blob, ...]] = []
    for index in range(1, num_labels + 1):
        region = labels == index
        if region.sum() < MIN_PIXELS:
            continue
        parts = _split_by_zone(region)
        found = [blob for part in parts if (blob := _blob(part, pixels, tints))]
        blobs += found
        if len(found) > 1 and _is_bridged(region, distance):
            spanning.append(tuple(found))
    return blobs, spanning


def has_colourless_thing(pixels: Array, background: Background) -> bool:
    """Whether something grey or black is there, which is darker than any shadow and no blob."""
    brightness = pixels @ _THIRDS
    dark = pixels[brightness < 0.62 * np.mean(BACKDROPS[background])]
    faint = np.square(_tints_from(dark, background)).sum(axis=-1) <= _MIN_CHROMA**2
    return int(faint.sum()) >= MIN_PIXELS


def label(mask: Array) -> tuple[Array, int]:
    """Numbers the 4-connected regions of a mask from 1, in reading order of their first pixel."""
    height, width = mask.shape
    padded = np.zeros((height, width + 1), dtype=np.int8)
    padded[:, :width] = mask
    flat = np.diff(padded.ravel(), prepend=0)
    starts, ends = np.flatnonzero(flat == 1), np.flatnonzero(flat == -1)
    parents = list(range(len(starts)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    above = 0
    lefts, rights = starts.tolist(), ends.tolist()
    for run, (left, right) in enumerate(zip(lefts, rights, strict=True)):
        shifted_left, shifted_right = left - width - 1, right - width - 1
        while rights[above] <= shifted_left:
            above += 1
        other = above
        while other < run and lefts[other] < shifted_right:
            first, second = sorted((root(other), root(run)))
            parents[second] = first
            other += 1
    numbers: dict[int, int] = {}
    labels = np.zeros(height * (width + 1), dtype=np.int32)
    for run, (left, right) in enumerate(zip(lefts, rights, strict=True)):
        labels[left:right] = numbers.setdefault(root(run), len(numbers) + 1)
    return labels.reshape(height, width + 1)[:, :width], len(numbers)


def _tints_from(pixels: Array, background: Background) -> Array:
    """Each pixel's hue relative to the background's, as a colour of no brightness."""
    return pixels - (pixels @ _THIRDS)[..., None] - _backdrop_tint(background)


def _mismatch(first: Array, second: Array) -> float:
    difference = first - second
    brightness = difference.mean()
    return float(np.square(difference - brightness).sum() + 0.1 * brightness**2)


@cache
def _backdrop_tint(background: Background) -> Array:
    mean = np.mean(BACKDROPS[background], axis=0).astype(np.float32)
    return mean - mean.mean()


def _split_by_zone(region: Array) -> list[Array]:
    """The region itself, or its parts where it has a substantial one in more than one zone."""
    edges = (0, *_CELL_EDGES, IMAGE_SIZE)
    bands = [slice(start, end) for start, end in pairwise(edges)]
    cells = [(rows, columns) for rows in bands for columns in bands]
    sizes = [int(region[cell].sum()) for cell in cells]
    substantial = [cell for cell, size in zip(cells, sizes, strict=True) if size > 0.15 * sum(sizes)]
    if len(substantial) < 2:
        return [region]
    parts = []
    for cell in substantial:
        part = np.zeros_like(region)
        part[cell] = region[cell]
        parts.append(part)
    return parts


def _is_bridged(region: Array, distance: Array) -> bool:
    """Whether a region crosses a border of zones in strength, and not by two blurred edges meeting."""
    strong = region & (distance > 0.6 * np.median(distance[region]))
    for edge in _CELL_EDGES:
        across_columns = (strong[:, edge - 1] & strong[:, edge]).sum()
        across_rows = (strong[edge - 1] & strong[edge]).sum()
        if max(across_columns, across_rows) > _MAX_BRIDGE:
            return True
    return False


def _blob(region: Array, pixels: Array, tints: Array) -> Blob | None:
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    top, left = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    window = slice(top, int(rows[-1]) + 2), slice(left, int(columns[-1]) + 2)
    inside, tint = region[window], tints[window]
    typical = np.median(tint[inside], axis=0)
    cover = tint @ (typical / np.square(typical).sum())
    mask = inside & (cover > _COVER)
    area = int(mask.sum())
    if area < MIN_PIXELS:
        return None
    # Highlights pale the interior, which is covered all the same; only the rim is covered by degrees.
    coverage = np.where(_shrunk(mask), 1, np.clip(cover, 0, 1)) * _grown(inside)
    colour = np.median(pixels[window][mask], axis=0)
    return Blob(top, left, coverage.astype(np.float32), colour, float(inside.sum()) / area - 1)


def _grown(mask: Array) -> Array:
    wide = np.pad(mask, 1)
    return wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]


def _shrunk(mask: Array) -> Array:
    return ~_grown(~mask)
