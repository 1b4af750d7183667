"""Names made of what they name: hashes of JSON values and of files, the same on every machine."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

_END, _PIECE = 1 << 20, 1 << 14
"""Bytes of a file that are read: at both ends, and at each place in between."""
_PLACES = 64


def digest_of(*parts: object) -> str:
    """32 hex digits that depend on all parts (JSON values) and their order, the same on every machine."""
    content = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def content_of(path: Path, places: Iterable[int] | None = None) -> str:
    """32 hex digits that tell a file from others by what is in it, wherever it lies and whatever its times.

    A file of up to 2 MiB is read whole. Of a larger one its size, both ends and a piece at each of the
    `places` (offsets; None: 64 at equal distances) are, 3 MiB of however many: formats that have tables of
    contents, with the lengths of compressed parts, keep them at an end, and what is trained or written anew
    changes all along. Bytes that are changed in place, between the pieces, are not seen.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(size.to_bytes(8, "little"))
    with path.open("rb") as file:
        digest.update(file.read(_END))
        if size > 2 * _END:
            for place in places if places is not None else range(_END, size - _END, max(size // _PLACES, 1)):
                file.seek(place)
                digest.update(file.read(_PIECE))
        file.seek(max(size - _END, 0))
        digest.update(file.read())
    return digest.hexdigest()[:32]
