import numpy as np
import pytest

from irg.world2.blobs import find_blobs
from irg.world2.render import render
from irg.world2.scene import Background, Shape, Size, Texture
from irg.world2.textures import read_texture, texture_strengths
from tests.world2.builders import scene, thing


@pytest.mark.parametrize("texture", Texture)
@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("shape", Shape)
def test_textures_are_read_from_all_shapes_and_sizes(texture, size, shape):
    if (size, texture) == (Size.SMALL, Texture.DOTTED):
        return
    pixels = render(scene(thing(f"{size} {texture} purple {shape}", 63, 65))).astype(np.float32)
    (blob,) = find_blobs(pixels, Background.SKY)
    found = read_texture(blob, pixels)
    assert found.texture is texture and found.clear


def test_a_faint_texture_is_doubtful():
    striped, plain = (
        render(scene(thing(f"large {texture} red circle", 64, 64))).astype(np.float32)
        for texture in ("striped", "plain")
    )
    (blob,) = find_blobs(plain, Background.SKY)
    strengths = []
    for share in (0.0, 0.27, 1.0):
        mixed = plain + share * (striped - plain)
        strengths.append(texture_strengths(blob.mask, mixed, blob.top, blob.left)[0])
        assert read_texture(blob, mixed).clear is (share != 0.27)
    assert strengths == sorted(strengths)


def test_nothing_has_no_texture():
    assert texture_strengths(np.zeros((4, 4), bool), np.zeros((128, 128, 3), np.float32), 0, 0) == (0.0, 0.0)
