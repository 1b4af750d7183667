"""Short ways to say objects, scenes and requests in tests."""

from __future__ import annotations

import numpy as np

from irg.world2.parsing import parse
from irg.world2.request import Request
from irg.world2.scene import Background, Colour, Looks, Pose, Scene, SceneObject, Shape, Size, Texture

_RADII = {Size.SMALL: 9.2, Size.MEDIUM: 13.0, Size.LARGE: 18.0}


def kind(words: str) -> Looks:
    """A kind from words in any order: "small red star"."""
    said = words.split()
    found = {
        name: next((value for value in values if value in said), None)
        for name, values in {"shape": Shape, "colour": Colour, "texture": Texture, "size": Size}.items()
    }
    assert len(said) == sum(value is not None for value in found.values()), words
    return Looks(**found)


def thing(words: str, x: float, y: float, layer: int = 0, angle: float = 0.0) -> SceneObject:
    """An object at a place; plain, medium and red where nothing else is said."""
    said = kind(words)
    whole = Looks(
        said.shape, said.colour or Colour.RED, said.texture or Texture.PLAIN, said.size or Size.MEDIUM
    )
    assert whole.size is not None
    return SceneObject(whole, Pose(x, y, _RADII[whole.size], angle, layer))


def scene(*things: SceneObject, background: Background = Background.SKY) -> Scene:
    return Scene(things, background)


def asked(prompt: str) -> Request:
    return parse(prompt)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


STAR_IN_SQUARE = (thing("large blue square", 64, 64), thing("small red star", 64, 64, layer=1))
HEART_ON_CIRCLE = (thing("large green circle", 60, 64), thing("medium pink heart", 82, 64, layer=1))
