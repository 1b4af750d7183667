"""Near-duplicate pictures: by a perceptual hash of what they look like, and by embeddings of what they show.

The hash (a difference hash of brightness, with a coarse one of colour beside it) is of a picture shrunk to a
few cells a side, so it survives another size, another encoding and small shifts, and not another object or
colour.
"""

import numpy as np
from PIL import Image

SIDE = 16
"""Cells a side: brightness is compared between neighbouring ones, colour to grey."""
_COLOURED = 16
"""Levels from grey at which a cell counts as tinted."""
_BITS = 5 * SIDE * SIDE
_ORDER = np.random.default_rng(0).permutation(_BITS)
"""Bits are shuffled (always the same), so that any few words of a hash are a fair sample of it."""
_WORDS = _BITS // 64
_FIRST = 2
"""Words that are compared with everything; the rest only where these allow."""


def perceptual_hash(image: Image.Image) -> str:
    """320 hex digits; the number of differing bits is a distance."""
    cells = image.convert("RGB").resize((SIDE + 1, SIDE), Image.Resampling.BOX).convert("YCbCr")
    levels = np.asarray(cells).astype(np.int16)
    brightness, tint = levels[..., 0], levels[:, :-1, 1:] - 128
    bits = [brightness[:, 1:] > brightness[:, :-1], tint > _COLOURED, tint < -_COLOURED]
    return np.packbits(np.concatenate([part.ravel() for part in bits])[_ORDER]).tobytes().hex()


class Hashes:
    """Hashes of pictures, searched for one within so many bits. 176 bytes each."""

    def __init__(self, distance: int) -> None:
        if not 0 <= distance < _BITS:
            raise ValueError(f"distance {distance}: expected bits, from 0 to {_BITS - 1}")
        self.distance = distance
        self._rows = Rows(_WORDS, np.dtype(np.uint64))
        # Once more by themselves: a search reads these of all hashes, and nothing else of most.
        self._firsts = Rows(_FIRST, np.dtype(np.uint64))

    def find(self, text: str) -> int | None:
        """The first hash added that is near, by when it was added; None if there is none."""
        mine, rows = _words(text), self._rows.all
        first = np.bitwise_count(self._firsts.all ^ mine[:_FIRST])
        near = np.flatnonzero(first[:, 0] + first[:, 1] <= self.distance)
        near = near[np.bitwise_count(rows[near] ^ mine).sum(axis=1) <= self.distance]
        return int(near[0]) if len(near) else None

    def add(self, text: str) -> None:
        self._rows.add(_words(text))
        self._firsts.add(_words(text)[:_FIRST])


class Embeddings:
    """Unit vectors, searched for one whose cosine is at least `similarity`. Two bytes a number."""

    def __init__(self, similarity: float) -> None:
        if not -1 <= similarity <= 1:
            raise ValueError(f"similarity {similarity}: expected a cosine, from -1 to 1")
        self.similarity = similarity
        self._rows: Rows | None = None

    def find(self, text: str) -> int | None:
        """The first vector added that is near, by when it was added; None if there is none."""
        if self._rows is None:
            return None
        mine = embedding_from(text).astype(np.float32)
        for start in range(0, len(self._rows.all), 65_536):
            part = self._rows.all[start : start + 65_536].astype(np.float32)
            near = np.flatnonzero(part @ mine >= self.similarity)
            if len(near):
                return start + int(near[0])
        return None

    def add(self, text: str) -> None:
        vector = embedding_from(text)
        if self._rows is None:
            self._rows = Rows(len(vector), np.dtype(np.float16))
        self._rows.add(vector)


def embedding_text(vector: np.ndarray) -> str:
    """A vector, scaled to length 1, in half precision as hex digits."""
    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype("<f2").tobytes().hex()


def embedding_from(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), dtype="<f2")


class Rows:
    """A table that grows by doubling."""

    def __init__(self, width: int, dtype: np.dtype) -> None:
        self._table, self._count = np.empty((256, width), dtype), 0

    @property
    def all(self) -> np.ndarray:
        return self._table[: self._count]

    def add(self, row: np.ndarray) -> None:
        if row.shape != self._table.shape[1:]:
            raise ValueError(f"a row of {row.shape[0]} values, expected {self._table.shape[1]} as before")
        if self._count == len(self._table):
            self._table = np.concatenate([self._table, np.empty_like(self._table)])
        self._table[self._count] = row
        self._count += 1


def _words(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), dtype=np.uint64)
