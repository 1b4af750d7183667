"""Pictures of a prompt in one file, a grid of tiles: how OneIG keeps them, and how its judges see them.

A tile that is wholly black stands for a picture that was not made. The official writer saves lossy WebP, in
which black is black no more, and such a tile is then judged as a picture: what is written here is lossless.
Facts of OneIG-Bench/OneIG-Benchmark (41b4983).
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from PIL import Image

from irg.core.reading import ImageError, as_stored

_BLACK = (0, 0, 0)


@dataclass(frozen=True)
class TileGrid:
    """So many tiles beside one another, and so many below. The official option reads "columns,rows"."""

    columns: int = 2
    rows: int = 2

    def __len__(self) -> int:
        return self.columns * self.rows

    def tile_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of a tile; pixels beyond an even division belong to none."""
        return size[0] // self.columns, size[1] // self.rows

    def boxes(self, size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
        """Left, top, right and bottom of each tile, row by row."""
        width, height = self.tile_size(size)
        for row in range(self.rows):
            for column in range(self.columns):
                left, top = column * width, row * height
                yield left, top, left + width, top + height

    def size(self, tile: tuple[int, int]) -> tuple[int, int]:
        """Of the whole. The official writer takes a tile's height for its width, and its width for its
        height, and so cuts off a part of every tile that is not square."""
        return self.columns * tile[0], self.rows * tile[1]


def joined(tiles: Mapping[int, Image.Image], grid: TileGrid) -> bytes:
    """The tiles by their numbers, from 0, in one picture, as a lossless WebP; those that are not given black.

    Raises ValueError for tiles of different sizes, for none, and for a number that the grid does not have.
    """
    sizes = {tile.size for tile in tiles.values()}
    if len(sizes) != 1:
        raise ValueError(f"tiles of sizes {sorted(sizes)}: expected any, all of one size")
    if beyond := [number for number in tiles if number not in range(len(grid))]:
        raise ValueError(f"tiles {sorted(beyond)}: expected 0 to {len(grid) - 1}")
    whole = Image.new("RGB", grid.size(sizes.pop()), _BLACK)
    for number, box in enumerate(grid.boxes(whole.size)):
        if number in tiles:
            whole.paste(tiles[number], box[:2])
    buffer = io.BytesIO()
    whole.save(buffer, format="WEBP", lossless=True, exact=True)
    return buffer.getvalue()


def split(data: bytes, grid: TileGrid, name: str) -> dict[int, Image.Image]:
    """The tiles of a picture by their numbers, without those that are wholly black.

    Raises ImageError for what is no picture, and for a mode in which the official code stops as well: it
    reads colours, and shades of grey, of which none counts as black.
    """
    whole = as_stored(data, name)
    if whole.mode not in ("RGB", "L"):
        raise ImageError(f"{name} is of mode {whole.mode}, expected RGB or grey")
    if min(grid.tile_size(whole.size)) == 0:
        raise ImageError(f"{name} of {whole.width}x{whole.height} has no {grid.columns}x{grid.rows} tiles")
    tiles = {number: whole.crop(box) for number, box in enumerate(grid.boxes(whole.size))}
    return {number: tile for number, tile in tiles.items() if not is_black(tile)}


def is_black(tile: Image.Image) -> bool:
    """Whether every pixel is the darkest there is; of grey pictures none is."""
    return tile.mode == "RGB" and tile.getbbox() is None


def shown(tile: Image.Image) -> bytes:
    """A tile as the official judges see it: through a JPEG file of quality 75."""
    buffer = io.BytesIO()
    tile.save(buffer, format="JPEG")
    return buffer.getvalue()
