import io

import numpy as np
import pytest
from PIL import Image

from irg.bench.oneig.grids import TileGrid, is_black, joined, shown, split
from irg.core.reading import ImageError
from tests.bench.cases import Cases

CASES = Cases("oneig_grid.json", "split", "gallery")


def noise(seed: int, size: tuple[int, int] = (8, 8)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(1, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def test_tiles_are_where_the_official_code_has_them() -> None:
    for case in CASES["split"]:
        columns, rows = case["grid"]
        grid, size = TileGrid(columns, rows), tuple(case["size"])
        width, height = grid.tile_size(size)
        assert [width, height] == case["tile_size"]
        assert [[left // width, top // height] for left, top, _, _ in grid.boxes(size)] == case["order"]
        assert [f"{number}.jpg" for number in range(len(grid))] == case["files"]


def test_the_official_writer_changes_width_and_height() -> None:
    for case in CASES["gallery"]:
        width, height = case["tile"]
        assert list(TileGrid(case["cols"], case["rows"]).size((height, width))) == case["gallery_size"]


@pytest.mark.parametrize("grid", [TileGrid(), TileGrid(4, 1), TileGrid(1, 4)])
def test_what_is_joined_is_split_without_loss(grid: TileGrid) -> None:
    tiles = {number: noise(number, (8, 12)) for number in (0, 1, 3)}
    found = split(joined(tiles, grid), grid, "grid")
    assert found.keys() == tiles.keys()
    for number, tile in tiles.items():
        assert (np.asarray(found[number]) == np.asarray(tile)).all()


def test_a_lossy_file_shows_a_missing_tile_as_a_picture() -> None:
    whole = Image.open(io.BytesIO(joined({0: noise(0), 1: noise(1), 2: noise(2)}, TileGrid())))
    lossy = io.BytesIO()
    whole.save(lossy, format="WEBP")
    assert split(lossy.getvalue(), TileGrid(), "grid").keys() == {0, 1, 2, 3}


def test_black_is_every_pixel_of_a_coloured_tile() -> None:
    black = Image.new("RGB", (4, 4))
    assert is_black(black)
    black.putpixel((3, 3), (0, 0, 1))
    assert not is_black(black)
    assert not is_black(Image.new("L", (4, 4)))


def test_a_judge_sees_a_tile_through_jpeg() -> None:
    seen = Image.open(io.BytesIO(shown(noise(0, (16, 16)))))
    same = io.BytesIO()
    noise(0, (16, 16)).save(same, format="JPEG", quality=75)
    assert seen.format == "JPEG"
    assert same.getvalue() == shown(noise(0, (16, 16)))


def test_odd_pixels_belong_to_no_tile() -> None:
    assert [tile.size for tile in split(as_png(noise(0, (9, 11))), TileGrid(), "odd").values()] == [
        (4, 5)
    ] * 4


def test_what_is_no_grid_is_told() -> None:
    with pytest.raises(ImageError, match="x is not a picture"):
        split(b"nothing", TileGrid(), "x")
    with pytest.raises(ImageError, match="x is not a picture that can be read"):
        split(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n", TileGrid(), "x")
    with pytest.raises(ImageError, match="x is of mode RGBA"):
        split(as_png(noise(0).convert("RGBA")), TileGrid(), "x")
    with pytest.raises(ImageError, match="x of 3x8 has no 4x1 tiles"):
        split(as_png(noise(0, (3, 8))), TileGrid(4, 1), "x")
    with pytest.raises(ValueError, match=r"tiles of sizes \[\(4, 4\), \(8, 8\)\]"):
        joined({0: noise(0), 1: noise(0, (4, 4))}, TileGrid())
    with pytest.raises(ValueError, match=r"tiles \[4\]: expected 0 to 3"):
        joined({4: noise(0)}, TileGrid())
