"""Draws a posed scene: antialiased, softly shaded objects with a drop shadow on a light gradient.

Deterministic: everything random about a picture is in the scene's poses.
"""

import math
from functools import cache

import numpy as np

from irg.world.scene import IMAGE_SIZE, Background, Colour, Pose, Scene, SceneObject, Shape
from irg.world.shapes import signed_distance

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
# Where the highlight sits, in radii from the centre: on the body of the shape, towards the upper left.
_HIGHLIGHTS = {
    Shape.CIRCLE: (-0.34, -0.38),
    Shape.SQUARE: (-0.40, -0.42),
    Shape.TRIANGLE: (-0.14, 0.02),
    Shape.STAR: (-0.16, -0.22),
    Shape.HEART: (-0.46, -0.36),
}
_SHADOW_OFFSET = (2.2, 3.2)
_SHADOW_BLUR = 4.5
_SHADOW_STRENGTH = 0.26
_SHADOW_TINT = np.array([0.92, 0.96, 1.0], dtype=np.float32)  # a bluish shadow looks softer than a grey one


def render(scene: Scene) -> Array:
    """The picture of a scene: uint8, 128 x 128 x 3. Every object needs a pose."""
    canvas = _backdrop(scene.background).copy()
    poses = [_pose_of(thing) for thing in scene.objects]
    for thing, pose in zip(scene.objects, poses, strict=True):
        _draw_shadow(canvas, thing.shape, pose)
    for thing, pose in zip(scene.objects, poses, strict=True):
        _draw_object(canvas, thing, pose)
    return (np.clip(canvas, 0, 255) + 0.5).astype(np.uint8)


def _pose_of(thing: SceneObject) -> Pose:
    if thing.pose is None:
        raise ValueError(f"cannot draw an object without a pose (call Scene.pose first): {thing}")
    return thing.pose


def _draw_shadow(canvas: Array, shape: Shape, pose: Pose) -> None:
    dx, dy = _SHADOW_OFFSET
    rows, columns, x, y = _window(pose.x + dx, pose.y + dy, pose.radius + _SHADOW_BLUR + 4)
    distance = _outline(shape, pose, x, y)
    reach = np.clip(0.5 - distance / (2 * _SHADOW_BLUR), 0, 1)
    alpha = _SHADOW_STRENGTH * reach * reach * (3 - 2 * reach)
    canvas[rows, columns] *= 1 - alpha[..., None] * _SHADOW_TINT


def _draw_object(canvas: Array, thing: SceneObject, pose: Pose) -> None:
    rows, columns, x, y = _window(pose.x, pose.y, 1.25 * pose.radius + 2)
    distance = _outline(thing.shape, pose, x, y)
    coverage = np.clip(0.5 - distance, 0, 1)
    lit, shade = (np.array(colour, dtype=np.float32) for colour in PALETTE[thing.colour])

    # From 0 in the light to 1 in the shade: the diagonal, plus a thin rim that rounds the edge.
    diagonal = np.clip(0.30 + (x + y) / (3.0 * pose.radius), 0, 1)
    rim = np.square(np.clip(1 + distance / (0.24 * pose.radius), 0, 1))
    shading = np.clip(0.75 * diagonal + 0.45 * rim * (0.35 + diagonal), 0, 1)
    colour = lit + shading[..., None] * (shade - lit)

    highlight_x, highlight_y = (pose.radius * offset for offset in _HIGHLIGHTS[thing.shape])
    spread = np.square(x - highlight_x) + np.square(y - highlight_y)
    glow = 0.18 * np.exp(-spread / (0.50 * pose.radius**2)) + 0.30 * np.exp(-spread / (0.05 * pose.radius**2))
    colour += glow[..., None] * (255 - colour)

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
