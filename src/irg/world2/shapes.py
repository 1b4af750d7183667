"""Signed distances of the eight shapes, in pixels: negative inside, about zero on the outline.

Shapes of one radius look about equally large and stay within about that radius of their centre along both
axes. The formulas are exact distances collected by Inigo Quilez (iquilezles.org/articles/distfunctions2d).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from irg.world2.scene import Pose, Shape

Array = np.ndarray


def signed_distance(shape: Shape, x: Array, y: Array, radius: float, angle: float) -> Array:
    """Distance to the outline at offsets x (right) and y (down) from the centre; degrees clockwise."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    u = (x * cos + y * sin) / radius
    v = (y * cos - x * sin) / radius
    return _UNIT_DISTANCES[shape](u, v) * radius


def distance_to(shape: Shape, pose: Pose, x: Array, y: Array) -> Array:
    """Distance to the outline of a well-formed object at points of the picture."""
    return signed_distance(shape, x - pose.x, y - pose.y, pose.radius, pose.angle)


def outline_points(shape: Shape, pose: Pose) -> tuple[Array, Array]:
    """x and y of points all around an object's outline, in the picture."""
    u, v = _unit_outline(shape)
    cos, sin = math.cos(math.radians(pose.angle)), math.sin(math.radians(pose.angle))
    return pose.x + pose.radius * (u * cos - v * sin), pose.y + pose.radius * (u * sin + v * cos)


@cache
def reach(shape: Shape) -> float:
    """How far from its centre a shape of radius 1 extends."""
    u, v = _unit_outline(shape)
    return float(np.hypot(u, v).max())


@cache
def _unit_outline(shape: Shape) -> tuple[Array, Array]:
    steps = np.linspace(-1.3, 1.3, 131)
    u, v = np.meshgrid(steps, steps)
    near = np.abs(_UNIT_DISTANCES[shape](u, v)) < 0.011
    return u[near], v[near]


def _circle(u: Array, v: Array) -> Array:
    return np.sqrt(u * u + v * v) - 0.95


def _square(u: Array, v: Array) -> Array:
    half, corner = 0.84, 0.14
    a, b = np.abs(u) - (half - corner), np.abs(v) - (half - corner)
    outside = np.sqrt(np.square(np.maximum(a, 0)) + np.square(np.maximum(b, 0)))
    return outside + np.minimum(np.maximum(a, b), 0) - corner


def _triangle(u: Array, v: Array) -> Array:
    corner = 0.10
    half_base, apex, base = 0.83, -0.84, 0.75
    u = np.abs(u)
    slope_u, slope_v = half_base, base - apex
    along = np.clip((u * slope_u + (v - apex) * slope_v) / (slope_u**2 + slope_v**2), 0, 1)
    side = np.hypot(u - slope_u * along, v - apex - slope_v * along)
    bottom = np.hypot(u - np.minimum(u, half_base), v - base)
    inside = ((v - apex) * slope_u - u * slope_v > 0) & (v < base)
    return np.where(inside, -1, 1) * np.minimum(side, bottom) - corner


def _star(u: Array, v: Array) -> Array:
    outer, inner, corner = 1.04, 0.50, 0.06
    u, v = np.abs(u), -(v - 0.05)
    c, s = math.cos(math.pi / 5), math.sin(math.pi / 5)
    fold = 2 * np.maximum(c * u - s * v, 0)
    u, v = u - fold * c, v + fold * s
    fold = 2 * np.maximum(-c * u - s * v, 0)
    u, v = np.abs(u + fold * c), v + fold * s
    v = v - outer
    edge_u, edge_v = inner * s, inner * c - outer
    along = np.clip((u * edge_u + v * edge_v) / (edge_u**2 + edge_v**2), 0, 1)
    distance = np.hypot(u - edge_u * along, v - edge_v * along)
    return distance * np.sign(v * edge_u - u * edge_v) - corner


def _heart(u: Array, v: Array) -> Array:
    scale, corner = 1.52, 0.05
    u, v = np.abs(u) / scale, 0.56 - v / scale
    lobe = np.hypot(u - 0.25, v - 0.75) - math.sqrt(2) / 4
    diagonal = 0.5 * np.maximum(u + v, 0)
    sides = np.sqrt(np.minimum(u**2 + (v - 1) ** 2, (u - diagonal) ** 2 + (v - diagonal) ** 2))
    return np.where(u + v > 1, lobe, sides * np.sign(u - v)) * scale - corner


def _cross(u: Array, v: Array) -> Array:
    length, half_width, corner = 0.92, 0.28, 0.05
    u, v = np.abs(u), np.abs(v)
    u, v = np.maximum(u, v), np.minimum(u, v)
    past_end, past_side = u - length, v - half_width
    outside = np.maximum(past_end, past_side)
    a = np.where(outside > 0, past_end, half_width - u)
    b = np.where(outside > 0, past_side, -outside)
    return np.sign(outside) * np.hypot(np.maximum(a, 0), np.maximum(b, 0)) - corner


def _ring(u: Array, v: Array) -> Array:
    middle, half_width = 0.71, 0.24
    return np.abs(np.sqrt(u * u + v * v) - middle) - half_width


def _moon(u: Array, v: Array) -> Array:
    """A crescent open to the right, its middle about where its area's is."""
    outer, inner, shift, corner = 0.98, 0.78, 0.52, 0.04
    u, v = u - 0.30, np.abs(v)
    tip_u = (outer**2 - inner**2 + shift**2) / (2 * shift)
    tip_v = math.sqrt(outer**2 - tip_u**2)
    beyond = shift * (u * tip_v - v * tip_u) > shift**2 * np.maximum(tip_v - v, 0)
    sides = np.maximum(np.hypot(u, v) - outer, inner - np.hypot(u - shift, v))
    return np.where(beyond, np.hypot(u - tip_u, v - tip_v), sides) - corner


_UNIT_DISTANCES = {
    Shape.CIRCLE: _circle,
    Shape.SQUARE: _square,
    Shape.TRIANGLE: _triangle,
    Shape.STAR: _star,
    Shape.HEART: _heart,
    Shape.CROSS: _cross,
    Shape.RING: _ring,
    Shape.MOON: _moon,
}
