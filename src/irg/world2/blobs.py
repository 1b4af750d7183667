"""Finding objects in a picture: connected regions unlike the background, split where hues meet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from irg.world2.render import BACKDROPS, PALETTE
from irg.world2.scene import IMAGE_SIZE, Background, Colour

Array = np.ndarray

MIN_PIXELS = 36  # less is a speck, of which an autoencoder may leave a few
_MIN_CHROMA = 34.0  # distance from the background's hue, in levels, at which an object may begin
_DARKEST_SHADOW = 0.66  # of the background's brightness; what is darker is no shadow
_COVER = 0.48  # share of a pixel above which it belongs to an object
_MAX_DARKENING = 2.2  # times that an object's chroma may be less in its dark parts than it typically is
_MIN_CORE = 7  # pixels of one hue, each with neighbours of that hue only, that make it an object's own
_THIRDS = np.full(3, 1 / 3, dtype=np.float32)
_COLOURS = tuple(Colour)


@dataclass(frozen=True, eq=False)
class Blob:
    """A region of one hue: how far it covers each pixel of the picture's window that holds all its clump.

    Blobs of one `clump` touch each other.
    """

    top: int
    left: int
    coverage: Array
    colour: Colour
    clump: int
    loose: float  # size of its faint or discoloured surroundings, relative to its own

    @property
    def mask(self) -> Array:
        return self.coverage > 0.5

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


def find_blobs(pixels: Array, background: Background) -> list[Blob]:
    """The blobs of a picture, those of one clump together."""
    tints = _tints_from(pixels, background)
    chroma = np.sqrt(np.square(tints) @ np.ones(3, np.float32))
    dark = pixels @ _THIRDS < _DARKEST_SHADOW * np.mean(BACKDROPS[background])
    labels, num_labels = label((chroma > _MIN_CHROMA) | dark)
    areas = np.bincount(labels.ravel(), minlength=num_labels + 1)
    blobs: list[Blob] = []
    for index in range(1, num_labels + 1):
        if areas[index] >= MIN_PIXELS:
            region = labels == index
            window = _window_of(region)
            blobs += _blobs_in(region[window], pixels[window], background, window, index)
    return blobs


def has_colourless_thing(pixels: Array, background: Background) -> bool:
    """Whether something grey or black is there, which is darker than any shadow and no blob."""
    brightness = pixels @ _THIRDS
    dark = brightness < _DARKEST_SHADOW * np.mean(BACKDROPS[background])
    # A line where two complementary colours meet is grey, too, but thin.
    return int(shrunk(dark & (np.ptp(pixels, axis=-1) <= 0.4 * brightness)).sum()) >= MIN_PIXELS // 2


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


def grown(mask: Array) -> Array:
    """A mask and the pixels beside it."""
    wide = np.pad(mask, 1)
    return wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]


def shrunk(mask: Array) -> Array:
    return ~grown(~mask)


def filled(mask: Array) -> Array:
    """A mask and all the holes in it."""
    outside, _ = label(~np.pad(mask, 1))
    return (outside != outside[0, 0])[1:-1, 1:-1]


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


@cache
def _directions(background: Background) -> Array:
    """The direction of each colour's tint seen before a background, one a column."""
    rows = []
    for lit, shade in PALETTE.values():
        colour = (0.55 * np.array(lit) + 0.45 * np.array(shade)).astype(np.float32)
        tint = colour - colour.mean() - _backdrop_tint(background)
        rows.append(tint / np.linalg.norm(tint))
    return np.stack(rows, axis=1)


def _window_of(region: Array) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    top, left = max(int(rows[0]) - 2, 0), max(int(columns[0]) - 2, 0)
    return slice(top, min(int(rows[-1]) + 3, IMAGE_SIZE)), slice(left, min(int(columns[-1]) + 3, IMAGE_SIZE))


def _blobs_in(
    region: Array, pixels: Array, background: Background, window: tuple[slice, slice], clump: int
) -> list[Blob]:
    directions = _directions(background)
    tints = _tints_from(pixels, background)
    along = tints @ directions
    hues = along.argmax(axis=-1)
    own = [hue for hue in range(len(_COLOURS)) if shrunk(region & (hues == hue)).sum() >= _MIN_CORE]
    if len(own) > 1:
        hues = np.array(own)[along[..., own].argmax(axis=-1)]
    corner = window[0].start, window[1].start
    blobs: list[Blob] = []
    for hue in own:
        mine = region & (hues == hue) if len(own) > 1 else region
        cover = _cover(along[..., hue], pixels @ _THIRDS, mine, background)
        pieces, num_pieces = label(mine & (cover > _COVER))
        areas = np.bincount(pieces.ravel(), minlength=num_pieces + 1)
        for index in range(1, num_pieces + 1):
            if areas[index] >= MIN_PIXELS // (2 if len(own) > 1 else 1):
                mask = pieces == index
                loose = _loose(mine, mask) if num_pieces == 1 else 0.0
                coverage = _coverage(mask, region, mine, cover)
                blobs.append(Blob(*corner, coverage, _COLOURS[hue], clump, loose))
    return blobs


def _cover(chroma: Array, brightness: Array, mine: Array, background: Background) -> Array:
    """The share of each pixel that an object covers, whether that part of it is light or dark.

    A pixel is a mixture of the background and of the object's colour times some brightness: its chroma and
    its own brightness together tell both. Shadows have no chroma.
    """
    strong = mine & (chroma > _MIN_CHROMA)
    typical = float(np.median(chroma[strong])) if strong.any() else _MIN_CHROMA
    ratio = float(np.median(brightness[strong] / chroma[strong])) if strong.any() else 1.0
    share = 1 - (brightness - chroma * ratio) / float(np.mean(BACKDROPS[background]))
    return np.minimum(share, _MAX_DARKENING * chroma / typical)


def _loose(region: Array, mask: Array) -> float:
    return float(region.sum()) / float(mask.sum()) - 1


def _coverage(mask: Array, region: Array, mine: Array, cover: Array) -> Array:
    """How far a blob covers each pixel: by degrees at its rim, but wholly where it meets another blob."""
    within = shrunk(mask) | (mask & grown(region & ~mine))
    rim = grown(mask) & mine
    return (np.where(within, 1, np.clip(cover, 0, 1)) * (mask | rim)).astype(np.float32)
