"""Draws a scene: antialiased, softly shaded objects, some with a texture, with shadows on a light gradient.

Deterministic: everything random about a picture is in the scene's poses. Textures lie on a lattice of 8 px
that is the same for the whole picture, as if objects were cut out of one striped or dotted paper each: so any
8 x 8 patch of one texture looks alike, wherever the object is.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import groupby

import numpy as np

from irg.world2.scene import IMAGE_SIZE, Background, Colour, Pose, Scene, SceneObject, Shape, Texture
from irg.world2.shapes import signed_distance

Array = np.ndarray
Rgb = tuple[int, int, int]

# Each colour as it looks in the light, and in its own shade.
PALETTE: dict[Colour, tuple[Rgb, Rgb]] = {
    Colour.RED: ((230, 46, 54), (178, 22, 44)),
    Colour.ORANGE: ((248, 134, 28), (214, 92, 14)),
    Colour.YELLOW: ((251, 214, 40), (228, 172, 16)),
    Colour.GREEN: ((62, 182, 82), (28, 134, 62)),
    Colour.CYAN: ((40, 200, 214), (14, 150, 176)),
    Colour.BLUE: ((52, 104, 232), (28, 62, 182)),
    Colour.PURPLE: ((144, 74, 214), (102, 42, 166)),
    Colour.PINK: ((250, 112, 180), (218, 68, 142)),
}
# Each background at its brightest (upper left) and at its deepest (lower right).
BACKDROPS: dict[Background, tuple[Rgb, Rgb]] = {
    Background.CREAM: ((255, 250, 236), (244, 229, 202)),
    Background.MINT: ((236, 250, 242), (204, 232, 217)),
    Background.SKY: ((232, 244, 254), (194, 219, 243)),
    Background.ROSE: ((254, 239, 242), (243, 210, 219)),
    Background.SILVER: ((243, 244, 246), (212, 214, 219)),
}
TEXTURE_PERIOD = 8
TEXTURE_DARKNESS = 0.45  # share of its brightness that a stripe or a dot takes from its colour
# Where the highlight sits, in radii from the centre: on the body of the shape, towards the upper left.
_HIGHLIGHTS = {
    Shape.CIRCLE: (-0.34, -0.38),
    Shape.SQUARE: (-0.40, -0.42),
    Shape.TRIANGLE: (-0.14, 0.02),
    Shape.STAR: (-0.16, -0.22),
    Shape.HEART: (-0.46, -0.36),
    Shape.CROSS: (-0.05, -0.45),
    Shape.RING: (-0.48, -0.50),
    Shape.MOON: (-0.46, -0.10),
}
_SHADOW_OFFSET = (1.7, 2.5)
_SHADOW_BLUR = 3.4
_SHADOW_STRENGTH = 0.24
_SHADOW_TINT = np.array([0.92, 0.96, 1.0], dtype=np.float32)  # a bluish shadow looks softer than a grey one


def render(scene: Scene) -> Array:
    """The picture of a scene: uint8, 128 x 128 x 3."""
    canvas = _backdrop(scene.background).copy()
    in_layers = sorted(scene.objects, key=lambda thing: thing.pose.layer)
    for _, layer in groupby(in_layers, key=lambda thing: thing.pose.layer):
        things = tuple(layer)
        for thing in things:
            _draw_shadow(canvas, thing.shape, thing.pose)
        for thing in things:
            _draw_object(canvas, thing)
    return (np.clip(canvas, 0, 255) + 0.5).astype(np.uint8)


@cache
def texture_pattern(texture: Texture) -> Array:
    """How far each pixel of the whole picture lies in the texture's dark parts, from 0 to 1."""
    steps = np.arange(IMAGE_SIZE, dtype=np.float32) + 0.5
    x, y = steps[None, :], steps[:, None]
    if texture is Texture.STRIPED:
        phase = (x + y) / TEXTURE_PERIOD % 1
        distance = (np.abs(phase - 0.5) - 0.25) * TEXTURE_PERIOD / math.sqrt(2)
    elif texture is Texture.DOTTED:
        distance = np.minimum(_to_lattice(x, y, 0.0), _to_lattice(x, y, TEXTURE_PERIOD / 2)) - 1.9
    else:
        return np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.float32)
    return np.clip(0.5 - distance, 0, 1).astype(np.float32)


def _to_lattice(x: Array, y: Array, shift: float) -> Array:
    half = TEXTURE_PERIOD / 2
    return np.hypot((x + shift) % TEXTURE_PERIOD - half, (y + shift) % TEXTURE_PERIOD - half)


def _draw_shadow(canvas: Array, shape: Shape, pose: Pose) -> None:
    dx, dy = _SHADOW_OFFSET
    rows, columns, x, y = _window(pose.x + dx, pose.y + dy, 1.1 * pose.radius + _SHADOW_BLUR + 3)
    distance = _outline(shape, pose, x, y)
    reach = np.clip(0.5 - distance / (2 * _SHADOW_BLUR), 0, 1)
    alpha = _SHADOW_STRENGTH * reach * reach * (3 - 2 * reach)
    canvas[rows, columns] *= 1 - alpha[..., None] * _SHADOW_TINT


def _draw_object(canvas: Array, thing: SceneObject) -> None:
    pose = thing.pose
    rows, columns, x, y = _window(pose.x, pose.y, 1.25 * pose.radius + 2)
    distance = _outline(thing.shape, pose, x, y)
    coverage = np.clip(0.5 - distance, 0, 1)
    lit, shade = (np.array(colour, dtype=np.float32) for colour in PALETTE[thing.colour])
    diagonal = np.clip(0.30 + (x + y) / (3.0 * pose.radius), 0, 1)
    rim = np.square(np.clip(1 + distance / (0.24 * pose.radius), 0, 1))
    shading = np.clip(0.75 * diagonal + 0.45 * rim * (0.35 + diagonal), 0, 1)
    colour = lit + shading[..., None] * (shade - lit)
    if thing.texture is Texture.PLAIN:
        highlight_x, highlight_y = (pose.radius * offset for offset in _HIGHLIGHTS[thing.shape])
        spread = np.square(x - highlight_x) + np.square(y - highlight_y)
        broad, narrow = (np.exp(-spread / (share * pose.radius**2)) for share in (0.50, 0.05))
        colour += (0.16 * broad + 0.26 * narrow)[..., None] * (255 - colour)
    else:
        colour *= 1 - TEXTURE_DARKNESS * texture_pattern(thing.texture)[rows, columns, None]
    area = canvas[rows, columns]
    area += coverage[..., None] * (colour - area)


def _outline(shape: Shape, pose: Pose, x: Array, y: Array) -> Array:
    """Distance to the outline, in pixels, of the shape with its waves; about exact near it."""
    distance = signed_distance(shape, x, y, pose.radius, pose.angle)
    if not pose.waves:
        return distance
    around = np.arctan2(y, x)
    waves = (wave.amplitude * np.cos(wave.bumps * (around - math.radians(wave.phase))) for wave in pose.waves)
    return distance - pose.radius * sum(waves)


def _window(centre_x: float, centre_y: float, reach: float) -> tuple[slice, slice, Array, Array]:
    """The part of the image around a point, and its pixel centres' offsets from that point."""
    rows = slice(max(int(centre_y - reach), 0), min(int(centre_y + reach) + 1, IMAGE_SIZE))
    columns = slice(max(int(centre_x - reach), 0), min(int(centre_x + reach) + 1, IMAGE_SIZE))
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5 - centre_y)
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + np.float32(0.5 - centre_x)
    return rows, columns, x, y


@cache
def _backdrop(background: Background) -> Array:
    bright, deep = (np.array(colour, dtype=np.float32) for colour in BACKDROPS[background])
    steps = (np.arange(IMAGE_SIZE, dtype=np.float32) + 0.5) / IMAGE_SIZE
    depth = np.sqrt(np.square(steps[None, :] - 0.25) + np.square(steps[:, None] - 0.15)) / 1.14
    return bright + depth[..., None] * (deep - bright)
