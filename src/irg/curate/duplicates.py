"""Near-duplicate pictures: by a perceptual hash of what they look like, and by embeddings of what they show.

The hash (a difference hash of brightness, with a coarse one of colour beside it) is of a picture shrunk to a
few cells a side, so it survives another size, another encoding and small shifts, and not another object or
colour.
"""

from collections.abc import Sequence

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
_AT_ONCE = 4096
"""Embeddings that are in double precision at a time."""


def perceptual_hash(image: Image.Image) -> str:
    """320 hex digits; the number of differing bits is a distance."""
    cells = image.convert("RGB").resize((SIDE + 1, SIDE), Image.Resampling.BOX).convert("YCbCr")
    levels = np.asarray(cells).astype(np.int16)
    brightness, tint = levels[..., 0], levels[:, :-1, 1:] - 128
    bits = [brightness[:, 1:] > brightness[:, :-1], tint > _COLOURED, tint < -_COLOURED]
    return np.packbits(np.concatenate([part.ravel() for part in bits])[_ORDER]).tobytes().hex()


class Hashes:
    """Hashes of pictures, searched for those within so many bits. 176 bytes each."""

    def __init__(self, distance: int) -> None:
        if not 0 <= distance < _BITS:
            raise ValueError(f"distance {distance}: expected bits, from 0 to {_BITS - 1}")
        self.distance = distance
        self._rows = Rows(_WORDS, np.dtype(np.uint64))
        # Once more by themselves: a search reads these of all hashes, and nothing else of most.
        self._firsts = Rows(_FIRST, np.dtype(np.uint64))

    def first(self, texts: Sequence[str]) -> list[int | None]:
        """For each hash the first near one that was added, by when it was added; None if there is none."""
        return [self._first(_words(text)) for text in texts]

    def pairs(self, texts: Sequence[str]) -> np.ndarray:
        """Which of these hashes are near one another, [N, N]."""
        words = np.stack([_words(text) for text in texts])
        return np.bitwise_count(words[:, None] ^ words).sum(axis=-1) <= self.distance

    def add(self, text: str) -> int:
        """Returns the number under which it is found."""
        self._firsts.add(_words(text)[:_FIRST])
        return self._rows.add(_words(text))

    def _first(self, mine: np.ndarray) -> int | None:
        first = np.bitwise_count(self._firsts.all ^ mine[:_FIRST])
        near = np.flatnonzero(first[:, 0] + first[:, 1] <= self.distance)
        near = near[np.bitwise_count(self._rows.all[near] ^ mine).sum(axis=1) <= self.distance]
        return int(near[0]) if len(near) else None


class Embeddings:
    """Unit vectors, searched for those whose cosine is at least `similarity`. Two bytes a number.

    Cosines are of double precision, in which products of halves are exact and their sums nearly: they do not
    depend on what else is searched for at once.
    """

    def __init__(self, similarity: float) -> None:
        if not -1 <= similarity <= 1:
            raise ValueError(f"similarity {similarity}: expected a cosine, from -1 to 1")
        self.similarity = similarity
        self._rows: Rows | None = None

    def first(self, texts: Sequence[str]) -> list[int | None]:
        """For each vector the first near one that was added, by when it was added; None if there is none."""
        found: list[int | None] = [None] * len(texts)
        mine, rows = _vectors(texts).T, self._rows.all if self._rows else np.empty((0, 0))
        for start in range(0, len(rows), _AT_ONCE):
            near = rows[start : start + _AT_ONCE].astype(np.float64) @ mine >= self.similarity
            for position in np.flatnonzero(near.any(axis=0)):
                if found[position] is None:
                    found[position] = start + int(near[:, position].argmax())
        return found

    def pairs(self, texts: Sequence[str]) -> np.ndarray:
        """Which of these vectors are near one another, [N, N]."""
        vectors = _vectors(texts)
        return vectors @ vectors.T >= self.similarity

    def add(self, text: str) -> int:
        """Returns the number under which it is found."""
        vector = embedding_from(text)
        if self._rows is None:
            self._rows = Rows(len(vector), np.dtype(np.float16))
        return self._rows.add(vector)


class Search:
    """Fingerprints that are decided on in turn, and compared at once with all that were kept before."""

    def __init__(self, kept: Hashes | Embeddings, texts: Sequence[str]) -> None:
        self.kept, self.texts = kept, texts
        self._first, self._pairs = kept.first(texts), kept.pairs(texts)
        self._added: list[tuple[int, int]] = []  # the place among what was kept, and that among the texts

    def find(self, place: int) -> int | None:
        """The first that was kept and is near to the text at this place, by when it was kept."""
        if self._first[place] is not None:
            return self._first[place]
        return next((number for number, other in self._added if self._pairs[other, place]), None)

    def keep(self, place: int) -> None:
        self._added.append((self.kept.add(self.texts[place]), place))


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

    def add(self, row: np.ndarray) -> int:
        if row.shape != self._table.shape[1:]:
            raise ValueError(f"a row of {row.shape[0]} values, expected {self._table.shape[1]} as before")
        if self._count == len(self._table):
            self._table = np.concatenate([self._table, np.empty_like(self._table)])
        self._table[self._count] = row
        self._count += 1
        return self._count - 1


def _vectors(texts: Sequence[str]) -> np.ndarray:
    """[N, W]"""
    return np.stack([embedding_from(text) for text in texts]).astype(np.float64)


def _words(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), dtype=np.uint64)
